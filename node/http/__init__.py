"""The HTTP server that JSON-RPC and REST share (Core: src/httpserver.cpp)."""
