"""The platform as tools for assistants (extra `mcp`): a Model Context Protocol server over stdio."""
