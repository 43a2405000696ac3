@0x9c3505dc45e146ac;
# Bitcoin Core v32: src/ipc/capnp/rpc.capnp

using Proxy = import "proxy.capnp";

interface Rpc {
  executeRpc @0 (context :Proxy.Context, request :Text, uri :Text, user :Text) -> (result :Text);
}
