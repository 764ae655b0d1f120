//! A child process with its output collected line by line. Ended by its own id when dropped.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The lines so far, and whether the output has ended.
type Collected = (Vec<String>, bool);

/// Lines of an output, as they come.
#[derive(Clone, Default)]
struct Lines(Arc<(Mutex<Collected>, Condvar)>);

impl Lines {
    fn collect(source: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let own = lines.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(source);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                line.clear();
                own.change(|lines| lines.0.push(text));
            }
            own.change(|lines| lines.1 = true);
        });
        lines
    }

    fn change(&self, change: impl FnOnce(&mut Collected)) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    fn all(&self) -> Vec<String> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// The first line that fits; `None` after `within`, or when the output ends without one.
    fn find<T>(&self, within: Duration, fits: impl Fn(&str) -> Option<T>) -> Option<T> {
        let began = Instant::now();
        let mut seen = 0;
        let mut lines = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = lines.0[seen..].iter().find_map(|line| fits(line)) {
                return Some(found);
            }
            seen = lines.0.len();
            let left = within.checked_sub(began.elapsed()).filter(|_| !lines.1)?;
            lines = self.0.1.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn await_end(&self, within: Duration) {
        let began = Instant::now();
        let mut lines = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !lines.1 {
            let Some(left) = within.checked_sub(began.elapsed()) else { return };
            lines = self.0.1.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A running process.
pub struct Process {
    name: String,
    child: Child,
    out: Lines,
    err: Lines,
}

impl Process {
    /// Starts it, without input.
    ///
    /// # Panics
    /// When there is no such program.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let out = Lines::collect(child.stdout.take().expect("piped"));
        let err = Lines::collect(child.stderr.take().expect("piped"));
        Self { name: name.to_owned(), child, out, err }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What came on stdout so far.
    #[must_use]
    pub fn stdout(&self) -> Vec<String> {
        self.out.all()
    }

    /// What came on stderr so far: the log of a server.
    #[must_use]
    pub fn stderr(&self) -> Vec<String> {
        self.err.all()
    }

    /// Waits for a line on stdout that fits.
    pub fn find_on_stdout<T>(&self, within: Duration, fits: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.out.find(within, fits)
    }

    /// Waits for a line on stderr that fits.
    pub fn find_on_stderr<T>(&self, within: Duration, fits: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.err.find(within, fits)
    }

    /// Sends a signal, such as `TERM`, `KILL`, `STOP` or `CONT`.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.pid().to_string()]).status().unwrap();
        assert!(sent.success(), "{} (process {}) cannot be sent {signal}", self.name, self.pid());
    }

    /// Whether it runs; a frozen process does.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end; `None` after `within`.
    pub fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.out.await_end(Duration::from_secs(5));
                self.err.await_end(Duration::from_secs(5));
                return Some(status);
            }
            if began.elapsed() > within {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills it at once, as a power cut would, and collects it.
    pub fn kill(&mut self) {
        // It may be gone already, which is what is wanted.
        let _gone = self.child.kill();
        let _collected = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            self.err.await_end(Duration::from_secs(1));
            eprintln!("── the log of {}:\n{}\n──", self.name, self.stderr().join("\n"));
        }
    }
}
