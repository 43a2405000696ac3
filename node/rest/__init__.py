"""Chain data over HTTP for anybody who may connect (Core: src/rest.cpp)."""
