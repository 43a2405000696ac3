@0xcd2c6232cb484a28;
# Data shared by several interfaces (Bitcoin Core: src/ipc/capnp/common.capnp).

struct BlockRef {
  hash @0 :Data;      # 32 bytes, internal order
  height @1 :Int32;
}
