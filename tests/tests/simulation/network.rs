//! The network: streams between nodes and API nodes, which keep their order and lose nothing without breaking, and paths that can
//! be blocked in each direction, or slow.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use actix_web::web::Bytes;
use nexus_api::nodes::connection::{Gone, Incoming, Peer};
use nexus_validator::control::link::{Dial, Frame, Link, LinkError};
use nexus_validator::control::message::{FromNode, ToNode};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::api;
use crate::broken::Broken;
use crate::node;
use crate::world::{APIS, World};

/// From a host to another one.
pub(crate) type Path = (usize, usize);

/// Frames that fit into a stream that nobody reads.
const BUFFERED: usize = 64;

#[derive(Debug, Default)]
struct Paths {
    /// By how many faults each is blocked.
    blocked: BTreeMap<Path, u32>,
    /// The longest delay beyond the usual one, in milliseconds.
    slow: BTreeMap<Path, u64>,
    pipes: Vec<Weak<Pipe>>,
    opened: u64,
}

/// All paths.
#[derive(Debug, Default)]
pub(crate) struct Network {
    paths: Mutex<Paths>,
    changed: watch::Sender<u64>,
}

impl Network {
    fn paths(&self) -> MutexGuard<'_, Paths> {
        self.paths.lock().unwrap()
    }

    pub(crate) fn is_open(&self, path: Path) -> bool {
        !self.paths().blocked.contains_key(&path)
    }

    /// Whether the path is as it should be.
    pub(crate) fn is_well(&self, path: Path) -> bool {
        let paths = self.paths();
        !paths.blocked.contains_key(&path) && !paths.slow.contains_key(&path)
    }

    pub(crate) fn block(&self, path: Path) {
        *self.paths().blocked.entry(path).or_default() += 1;
        self.changed.send_modify(|changes| *changes += 1);
    }

    /// Takes one block away. What waits is sent again, in its order.
    pub(crate) fn unblock(&self, world: &World, path: Path) {
        let mut paths = self.paths();
        let left = paths.blocked.get_mut(&path).map_or(0, |by| {
            *by -= 1;
            *by
        });
        if left == 0 {
            paths.blocked.remove(&path);
        }
        paths.pipes.retain(|pipe| pipe.strong_count() > 0);
        let pipes: Vec<_> = paths.pipes.iter().filter_map(Weak::upgrade).collect();
        drop(paths);
        for pipe in pipes.iter().filter(|pipe| pipe.path == path) {
            pipe.send_again(world);
        }
        self.changed.send_modify(|changes| *changes += 1);
    }

    pub(crate) fn slow(&self, path: Path, most: Option<u64>) {
        match most {
            Some(most) => self.paths().slow.insert(path, most),
            None => self.paths().slow.remove(&path),
        };
    }

    /// Returns when a path is open.
    pub(crate) async fn opened(&self, path: Path) {
        let mut changed = self.changed.subscribe();
        while !self.is_open(path) {
            let _never = changed.changed().await;
        }
    }

    pub(crate) fn delay(&self, world: &World, path: Path, what: &str) -> Duration {
        let chance = world.chance.of(("delay", path, world.millis(), what));
        let slow = self.paths().slow.get(&path).copied();
        chance.skewed(4) + slow.map_or(Duration::ZERO, |most| chance.of("slow").millis(1, most))
    }

    /// Breaks the streams of a path and of its way back. Sometimes one end hears nothing of it.
    pub(crate) fn break_streams(&self, world: &World, path: Path) {
        let pipes: Vec<_> = self.paths().pipes.iter().filter_map(Weak::upgrade).collect();
        for pipe in pipes.iter().filter(|pipe| pipe.path == path || pipe.path == (path.1, path.0)) {
            let told = !world.chance.of(("told", pipe.path, world.millis())).per_mille(250);
            pipe.cut(world, told);
        }
    }
}

/// One direction of a stream.
#[derive(Debug)]
struct Pipe {
    path: Path,
    /// Counts the pipes.
    number: u64,
    flow: Mutex<Flow>,
    moved: Notify,
    drained: Notify,
}

#[derive(Debug)]
struct Flow {
    /// What is under way, and when it arrives; nothing at the end.
    frames: VecDeque<(Instant, Option<String>)>,
    /// No frame arrives before this.
    last: Instant,
    cut: bool,
}

impl Pipe {
    fn new(world: &World, path: Path) -> Arc<Self> {
        let flow = Flow { frames: VecDeque::new(), last: Instant::now(), cut: false };
        let mut paths = world.network.paths();
        paths.opened += 1;
        let (number, flow) = (paths.opened, Mutex::new(flow));
        let pipe = Arc::new(Self { path, number, flow, moved: Notify::new(), drained: Notify::new() });
        paths.pipes.push(Arc::downgrade(&pipe));
        pipe
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap()
    }

    fn push(&self, world: &World, frame: Option<String>) {
        let delay = world.network.delay(world, self.path, frame.as_deref().unwrap_or_default());
        let mut flow = self.flow();
        if !flow.cut {
            flow.last = flow.last.max(Instant::now() + delay);
            let last = flow.last;
            flow.frames.push_back((last, frame));
        }
        drop(flow);
        self.moved.notify_one();
    }

    async fn send(&self, world: &World, frame: String) {
        while self.flow().frames.len() >= BUFFERED {
            self.drained.notified().await;
        }
        self.push(world, Some(frame));
    }

    /// The next frame; nothing at the end, and for ever after.
    async fn receive(&self, world: &World) -> Option<String> {
        loop {
            let due = self.flow().frames.front().map(|(at, _)| *at);
            match due.filter(|_| world.network.is_open(self.path)) {
                Some(at) if at <= Instant::now() => {
                    world.hosts[self.path.1].turns.turn((1, self.path.0, self.number)).await;
                    if let Some(frame) = self.take(world) {
                        return frame;
                    }
                }
                Some(at) => {
                    let _moved = timeout_at(at, self.moved.notified()).await;
                }
                None => self.moved.notified().await,
            }
        }
    }

    /// The next frame, if it has arrived.
    fn take(&self, world: &World) -> Option<Option<String>> {
        let mut flow = self.flow();
        let arrived = flow.frames.front().is_some_and(|(at, _)| *at <= Instant::now());
        if !arrived || !world.network.is_open(self.path) {
            return None;
        }
        self.drained.notify_one();
        match flow.frames.front() {
            Some((_, None)) => Some(None),
            _ => flow.frames.pop_front().map(|(_, frame)| frame),
        }
    }

    fn send_again(&self, world: &World) {
        let again = world.chance.of(("again", self.path, world.millis())).millis(1, 300);
        let mut flow = self.flow();
        let mut earliest = Instant::now() + again;
        for (at, _) in &mut flow.frames {
            earliest = earliest.max(*at);
            *at = earliest;
        }
        flow.last = flow.last.max(earliest);
        drop(flow);
        self.moved.notify_one();
    }

    fn cut(&self, world: &World, told: bool) {
        self.flow().frames.clear();
        if told {
            self.push(world, None);
        }
        self.flow().cut = true;
        self.drained.notify_one();
    }
}

/// An end of a stream. The other one hears of its end, unless the power went.
struct End {
    world: Arc<World>,
    host: usize,
    sends: Arc<Pipe>,
    receives: Arc<Pipe>,
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.world.hosts[self.host].is_silent() {
            self.sends.push(&self.world, None);
        }
    }
}

/// A node's way to API nodes. Each begins with another one.
pub(crate) struct Dialler {
    pub(crate) world: Arc<World>,
    pub(crate) host: usize,
    pub(crate) run: u64,
}

impl Dial for Dialler {
    type Link = NodeEnd;

    fn count(&self) -> usize {
        APIS
    }

    fn name(&self, api: usize) -> String {
        self.world.hosts[(api + self.host) % APIS].name.clone()
    }

    async fn dial(&self, api: usize) -> Result<NodeEnd, LinkError> {
        let (world, host) = (&self.world, self.host);
        let api = (api + host) % APIS;
        let (there, back) = ((host, api), (api, host));
        world.network.opened(there).await;
        sleep(world.network.delay(world, there, "dial")).await;
        if world.hosts[api].is_silent() {
            std::future::pending::<()>().await;
        }
        world.network.opened(back).await;
        sleep(world.network.delay(world, back, "dial")).await;
        let (up, down) = (Pipe::new(world, there), Pipe::new(world, back));
        let end =
            End { world: Arc::clone(world), host: api, sends: Arc::clone(&down), receives: Arc::clone(&up) };
        let peer = ApiEnd { end, early: VecDeque::new() };
        if !api::accept(world, api, peer) {
            return Err(LinkError::Unreachable("nobody listens".to_owned()));
        }
        let end = End { world: Arc::clone(world), host, sends: up, receives: down };
        Ok(NodeEnd { end, run: self.run })
    }
}

/// A node's end.
pub(crate) struct NodeEnd {
    end: End,
    run: u64,
}

impl Link for NodeEnd {
    async fn send(&mut self, frame: Frame) -> Result<(), LinkError> {
        let Frame::Text(text) = frame else { return Ok(()) };
        let (world, host) = (&self.end.world, self.end.host);
        world.note(host, &text);
        if let Ok(FromNode::Ack { applied }) = serde_json::from_str(&text) {
            node::acknowledges(world, host, self.run, applied);
        }
        self.end.sends.send(world, text).await;
        Ok(())
    }

    async fn receive(&mut self) -> Result<Frame, LinkError> {
        let Some(text) = self.end.receives.receive(&self.end.world).await else {
            return Err(LinkError::Lost("closed".to_owned()));
        };
        let shown = text.char_indices().nth(160).map_or(text.as_str(), |(end, _)| &text[..end]);
        self.end.world.note(self.end.host, &format!("hears {shown}"));
        Ok(Frame::Text(text))
    }
}

/// An API node's end.
pub(crate) struct ApiEnd {
    end: End,
    /// What the network makes up.
    early: VecDeque<FromNode>,
}

impl Peer for ApiEnd {
    async fn receive(&mut self) -> Result<Incoming, Gone> {
        if let Some(message) = self.early.pop_front() {
            return Ok(Incoming::Message(message));
        }
        let text = self.end.receives.receive(&self.end.world).await.ok_or(Gone)?;
        let message = serde_json::from_str(&text);
        Ok(message.map_or_else(|error| Incoming::Nonsense(error.to_string()), Incoming::Message))
    }

    async fn send(&mut self, text: Bytes) -> Result<(), Gone> {
        let text = String::from_utf8(text.to_vec()).unwrap();
        if self.end.world.is(Broken::AckBeforeApply)
            && let Ok(ToNode::Delta(delta)) = serde_json::from_str(&text)
        {
            self.early.push_back(FromNode::Ack { applied: delta.to });
        }
        self.end.sends.send(&self.end.world, text).await;
        Ok(())
    }
}
