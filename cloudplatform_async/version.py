"""The version of this package, as it stands in its metadata, and how it names itself."""

import sys

__version__ = "0.1.0"
USER_AGENT = f"cloudplatform-async/{__version__} python/{sys.version_info[0]}.{sys.version_info[1]}"
