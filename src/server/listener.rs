//! Listening sockets.
use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::{env, ffi::OsStr, io, net::SocketAddr, os::fd::AsRawFd, process};
use tokio::net::TcpListener;

/// Connections the kernel holds while the accept loop is busy; the kernel caps it at
/// `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Binds one listener. `SO_REUSEADDR`, so that a restart need not wait for old connections;
/// an IPv6 address takes IPv6 alone, so that `0.0.0.0` and `[::]` can stand side by side.
///
/// # Errors
/// Whatever the system says, the address being taken for instance. To be called inside a
/// runtime.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// The listeners that systemd has passed to this process (sd_listen_fds(3)), none if it was not
/// started so. They can be had once: the variables that announce them are removed with them, lest a
/// child take them for its own.
///
/// # Errors
/// A count of descriptors that is none, or a descriptor that is no listening TCP socket. To be
/// called inside a runtime, and before anything that may look up a name: the C library reads
/// variables unguarded.
pub fn inherited() -> io::Result<Vec<TcpListener>> {
    // Both read here, since the crate takes a missing process id for ours, and a count that it
    // cannot read for none.
    let is_ours = env::var("LISTEN_PID").is_ok_and(|id| id.parse() == Ok(process::id()));
    match env::var_os("LISTEN_FDS").map_or(Ok(()), |count| check_count(&count)) {
        Err(error) if is_ours => return Err(error),
        Err(_) => return Ok(Vec::new()),
        Ok(()) => {}
    }
    let mut passed = ListenFd::from_env();
    if !is_ours {
        return Ok(Vec::new());
    }
    (0..passed.len())
        .filter_map(|at| passed.take_tcp_listener(at).transpose())
        .map(|listener| adopt(listener?))
        .collect()
}

/// Descriptors that may be passed: as many as a process may have open unless it is told otherwise.
/// The crate lists them all before it looks at the first one.
const MOST_PASSED: usize = 1024;

/// None at all is not announced (sd_listen_fds(3) takes such a count for an error, too).
fn check_count(said: &OsStr) -> io::Result<()> {
    let said = said.to_string_lossy();
    if said
        .parse()
        .is_ok_and(|count| (1..=MOST_PASSED).contains(&count))
    {
        return Ok(());
    }
    let said = format!("LISTEN_FDS is `{said}`, not a count from 1 to {MOST_PASSED}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, said))
}

/// Makes a listener ours that somebody else has bound.
///
/// # Errors
/// It does not listen, or not for TCP.
pub(super) fn adopt(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    let socket = SockRef::from(&listener);
    if !socket.is_listener()? || socket.protocol()? != Some(Protocol::TCP) {
        let said = format!("fd {} is no listening TCP socket", listener.as_raw_fd());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, said));
    }
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_sockets_is_from_1_to_1024() {
        for (said, is_count) in [
            ("1", true),
            ("1024", true),
            ("1025", false),
            ("2147483647", false),
            ("0", false),
            ("-1", false),
            ("", false),
            ("abc", false),
        ] {
            assert_eq!(check_count(OsStr::new(said)).is_ok(), is_count, "{said}");
        }
    }
}
