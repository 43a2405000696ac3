@0x9f546709e828d67e;
# The registration of a callback.

using Proxy = import "proxy.capnp";

interface Handler {
  destroy @0 (context :Proxy.Context) -> ();
  disconnect @1 (context :Proxy.Context) -> ();
}
