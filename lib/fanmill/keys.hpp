#pragma once
// Who may take part in a run over tcp or ipc: CURVE keys, as `fanmill keygen DIRECTORY NAME` makes them.

#include <string>

namespace fanmill {

// With keys all that leaves the process is encrypted, and strangers are kept out of every socket; everybody
// in a run has them, or nobody (docs/security.md). Files are read by constructors, which throw Error{usage}
// where one of these is missing, and Error{unavailable} where a file is not what it should be.
struct Keys {
  std::string key{};         // the secret file of one's own pair, of mode 0600; empty: no keys
  std::string server_key{};  // Worker, Sink: the ventilator's public key, by its file or its 40 characters
  // Pipeline, Ventilator, Sink: a directory with the public keys of those that are let in. Looked at as it is
  // when somebody comes.
  std::string allow{};
};

}  // namespace fanmill
