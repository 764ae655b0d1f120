//! A network of its own for a process, which the kernel can cut in either direction. Needs root and `ip` on Linux.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use nexus_tests::validator::Surroundings;

/// A network namespace with two wires to the machine's own network: one to the API nodes, and one by which the test asks.
/// Gone, with its wires, when it is dropped.
pub(crate) struct Namespace {
    name: String,
    /// The second and third number of its addresses, `10.a.b.…`.
    numbers: [u8; 2],
}

impl Namespace {
    /// Makes one. Where that is not possible, says why.
    pub(crate) fn start(test: &str, number: u8) -> Option<Self> {
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let name = format!("nx{}n{number}", std::process::id());
        let namespace = Self { name, numbers: [64 + high % 128, low.wrapping_mul(4).wrapping_add(number)] };
        let made = namespace.wire();
        if let Err(reason) = made {
            eprintln!("{test}: skipped, no network namespace can be made: {reason}");
            return None;
        }
        Some(namespace)
    }

    fn wire(&self) -> Result<(), String> {
        let name = &self.name;
        ip(&["netns", "add", name])?;
        for (wire, net) in [("c", 0), ("p", 4)] {
            let (here, there) = (format!("{name}{wire}"), format!("{name}{wire}i"));
            ip(&["link", "add", &here, "type", "veth", "peer", "name", &there, "netns", name])?;
            ip(&["address", "add", &format!("{}/30", self.address(net + 1)), "dev", &here])?;
            ip(&["link", "set", &here, "up"])?;
            self.ip(&["address", "add", &format!("{}/30", self.address(net + 2)), "dev", &there])?;
            self.ip(&["link", "set", &there, "up"])?;
        }
        self.ip(&["link", "set", "lo", "up"])?;
        // What comes for the process itself is looked up first of all, unless that rule is moved.
        self.ip(&["rule", "add", "pref", "10", "lookup", "local"])?;
        self.ip(&["rule", "del", "pref", "0"])
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        let [second, third] = self.numbers;
        Ipv4Addr::new(10, second, third, last)
    }

    /// Where processes within find the API nodes.
    pub(crate) fn machine(&self) -> Ipv4Addr {
        self.address(1)
    }

    /// For a process within, which the test can ask whatever is cut.
    pub(crate) fn surroundings(&self) -> Surroundings {
        let within = ["ip", "netns", "exec", &self.name].map(str::to_owned).to_vec();
        Surroundings { ip: IpAddr::V4(self.address(6)), within, ..Surroundings::default() }
    }

    /// From now on nothing reaches the API nodes.
    pub(crate) fn cut_there(&self) {
        self.rule("add", &format!("to {}", self.machine()));
    }

    /// From now on nothing comes from the API nodes.
    pub(crate) fn cut_back(&self) {
        self.rule("add", &format!("from {}", self.machine()));
    }

    pub(crate) fn heal_there(&self) {
        self.rule("del", &format!("to {}", self.machine()));
    }

    pub(crate) fn heal_back(&self) {
        self.rule("del", &format!("from {}", self.machine()));
    }

    fn rule(&self, action: &str, what: &str) {
        let rule = format!("rule {action} pref 5 {what} blackhole");
        let changed = self.ip(&rule.split(' ').collect::<Vec<_>>());
        changed.unwrap_or_else(|reason| panic!("{rule}: {reason}"));
    }

    fn ip(&self, arguments: &[&str]) -> Result<(), String> {
        ip(&[&["-n", &self.name], arguments].concat())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Never made, where the test was skipped.
        let _gone = ip(&["netns", "del", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
