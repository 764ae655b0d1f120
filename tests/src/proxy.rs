//! A network between two processes that can be cut, in one direction or in both: a TCP proxy that keeps what it may not pass on
//! until it may, as TCP does with what is lost on the way.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a thread waits before it looks whether the proxy is still wanted.
const LOOK: Duration = Duration::from_millis(20);

/// A way from the one who calls to the one who is called, or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What the caller sends.
    There,
    /// What the caller gets.
    Back,
}

#[derive(Debug, Default)]
struct State {
    there: bool,
    back: bool,
    over: bool,
}

/// The network, as its threads know it.
#[derive(Debug, Clone, Default)]
struct Network(Arc<(Mutex<State>, Condvar)>);

impl Network {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    fn over(&self) -> bool {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).over
    }

    /// Returns when something may pass: `false` when nothing ever will.
    fn passes(&self, way: Way) -> bool {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let cut = match way {
                Way::There => state.there,
                Way::Back => state.back,
            };
            if state.over || !cut {
                return !state.over;
            }
            state = self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A proxy in front of one server. Gone, with all connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: Network,
}

impl Proxy {
    /// Begins to listen, on a port that the system chooses.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let network = Network::default();
        let own = network.clone();
        std::thread::spawn(move || {
            while !own.over() {
                match listener.accept() {
                    Ok((caller, _)) => {
                        let network = own.clone();
                        std::thread::spawn(move || connect(caller, server, &network));
                    }
                    Err(_) => std::thread::sleep(LOOK),
                }
            }
        });
        Self { address, network }
    }

    /// Its address as a URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on nothing passes that way, on no connection.
    pub fn cut(&self, way: Way) {
        self.network.change(|state| match way {
            Way::There => state.there = true,
            Way::Back => state.back = true,
        });
    }

    /// Nothing passes at all.
    pub fn cut_both(&self) {
        self.cut(Way::There);
        self.cut(Way::Back);
    }

    /// Everything passes again, what was held back first.
    pub fn heal(&self) {
        self.network.change(|state| (state.there, state.back) = (false, false));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.change(|state| state.over = true);
    }
}

fn connect(caller: TcpStream, server: SocketAddr, network: &Network) {
    // Whoever is cut off does not get as far as the server.
    if !network.passes(Way::There) {
        return;
    }
    let Ok(called) = TcpStream::connect_timeout(&server, Duration::from_secs(5)) else { return };
    let (Ok(caller_too), Ok(called_too)) = (caller.try_clone(), called.try_clone()) else { return };
    std::thread::scope(|scope| {
        scope.spawn(|| pass(caller, called, network, Way::There));
        scope.spawn(|| pass(called_too, caller_too, network, Way::Back));
    });
}

/// Passes on what comes until one side ends.
fn pass(mut from: TcpStream, mut to: TcpStream, network: &Network, way: Way) {
    // A small bound makes the thread notice that nobody wants it any more; sockets that are accepted may have inherited that
    // they never wait.
    let set = from.set_nonblocking(false).and_then(|()| from.set_read_timeout(Some(LOOK)));
    let _without = to.set_nodelay(true);
    let mut bytes = vec![0; 64 * 1024];
    while set.is_ok() {
        let read = match from.read(&mut bytes) {
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if network.over() {
                    break;
                }
                continue;
            }
            Err(_) => 0,
        };
        if !network.passes(way) {
            break;
        }
        if read == 0 {
            // The other way may still have something to say.
            let _gone = to.shutdown(Shutdown::Write);
            return;
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    for side in [from, to] {
        let _gone = side.shutdown(Shutdown::Both);
    }
}
