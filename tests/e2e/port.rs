//! Ports that are known before anybody listens on them.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A free port of 127.0.0.1, kept free for the one process that is told its number.
///
/// Bound with `SO_REUSEADDR` and never listening: the kernel gives it to nobody else by itself, but
/// lets a server that names it, and sets the same option, bind it beside us.
pub(crate) struct Port {
    /// Its number.
    pub(crate) number: u16,
    _reserved: Socket,
}

impl Port {
    /// Takes one.
    pub(crate) fn reserve() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be had");
        socket
            .set_reuse_address(true)
            .expect("the option is known to every Linux");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&any.into()).expect("some port is free");
        let bound = socket.local_addr().expect("it is bound");
        let bound = bound.as_socket().expect("it is an IP address");
        Self {
            number: bound.port(),
            _reserved: socket,
        }
    }
}
