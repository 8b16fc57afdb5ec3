//! End to end: the built program with parts that nobody here wrote, a certified OpenID provider,
//! a browser, curl, Python's requests and systemd's own tools. `tests/run` installs them.

mod browser;
mod certificate;
mod client_auth;
mod clients;
mod crash;
mod descriptors;
mod device;
mod disk;
mod explain;
mod inherit;
mod introspection;
mod keys;
mod logout;
mod memory;
mod outage;
mod parts;
mod port;
mod process;
mod provider;
mod release;
mod service;
mod shipped;
mod sign_in;
mod site;
mod tokens;
mod userinfo;
