"""The version of this package, as it stands in its metadata."""

VERSION = "0.1.0"
