"""How the platform is described: its OpenAPI document, with examples and code samples."""
