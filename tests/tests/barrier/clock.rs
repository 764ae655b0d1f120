//! Somebody sets the time of day of a validating node. A library in front of the system's changes what the process reads of it,
//! and of no other clock: the machine's own clock is left alone.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nexus_tests::observer::simple;
use nexus_tests::validator::Surroundings;
use nexus_tests::{Proxy, Target, Validator, Verdict, eventually, nexus};
use serde_json::json;

use crate::cluster::{Cluster, DOOMED, Plan, STAYS, validator};
use crate::judge::{self, LEASE};

/// Adds the seconds that the first eight bytes of the file `WALL_CLOCK` hold to the time of day.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile long long *ahead;
static int (*system_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    system_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("WALL_CLOCK");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return;
    void *mapped = mmap(0, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) ahead = mapped;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = system_clock(clock, time);
    if (!failed && clock == CLOCK_REALTIME && ahead) time->tv_sec += *ahead;
    return failed;
}
"#;

const HOUR: i64 = 3600;

/// The time of day of a process, or nothing where there is no C compiler, or another system.
struct WallClock {
    file: PathBuf,
    library: PathBuf,
}

impl WallClock {
    fn in_folder(folder: &Path, test: &str) -> Option<Self> {
        let (source, library, file) = (folder.join("clock.c"), folder.join("clock.so"), folder.join("ahead"));
        std::fs::write(&source, LIBRARY).unwrap();
        std::fs::write(&file, 0_i64.to_ne_bytes()).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
        if !cfg!(target_os = "linux") || !compiler.output().is_ok_and(|output| output.status.success()) {
            eprintln!("{test}: skipped, there is no C compiler `cc` for Linux");
            return None;
        }
        assert!(nexus().is_file());
        Some(Self { file, library })
    }

    fn surroundings(&self) -> Surroundings {
        let text = |path: &Path| path.display().to_string();
        let variables =
            vec![("LD_PRELOAD".into(), text(&self.library)), ("WALL_CLOCK".into(), text(&self.file))];
        Surroundings { variables, ..Surroundings::default() }
    }

    fn set_ahead(&self, seconds: i64) {
        let file = OpenOptions::new().write(true).open(&self.file).unwrap();
        file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }
}

#[test]
fn a_lease_does_not_care_about_the_time_of_day() {
    const TEST: &str = "a time of day that leaps";
    let plan = Plan { apis: 2, validators: 1, proxied: true, ..Plan::default() };
    let Some(mut cluster) = Cluster::postgres_or_skip(TEST, &plan) else { return };
    let Some(clock) = WallClock::in_folder(cluster.store.folder(), TEST) else { return };
    let (folder, urls) = (cluster.store.folder().join("leaping"), cluster.urls(0));
    let leaping = Validator::begin_in(clock.surroundings(), &folder, &cluster.credentials[0].secret, &urls);
    leaping.await_ready();
    cluster.validators.push(leaping);
    let short = cluster.keys(0).create(&json!({"expires_in": "1h"}));
    let target = |secret: &str| Target::verify(&validator(1), STAYS, cluster.validator(1), simple(secret));
    assert_eq!(target(&short.secret).ask().verdict, Verdict::Accepted);

    // Forth and back by hours: rights neither end nor begin by that.
    let observer = cluster.observe();
    let disturbed = Instant::now();
    for ahead in [2 * HOUR, -24 * HOUR, 48 * HOUR, 0] {
        clock.set_ahead(ahead);
        let expired = target(&short.secret).ask().verdict;
        let expected = if ahead > HOUR { Verdict::Refused("EXPIRED".to_owned()) } else { Verdict::Accepted };
        assert_eq!(expired, expected, "the process reads the time of day that the test set");
        std::thread::sleep(Duration::from_millis(800));
    }

    // Cut off, with the time of day going back behind when the right began.
    cluster.proxies[0].iter().for_each(Proxy::cut_both);
    let cut = Instant::now();
    clock.set_ahead(-24 * HOUR);
    let revoked = cluster.revoke(1);
    let other = target(&cluster.stays.secret);
    eventually("it stops answering", || (other.ask().verdict == Verdict::Unavailable).then_some(()));
    let healed = Instant::now();
    clock.set_ahead(48 * HOUR);
    cluster.proxies[0].iter().for_each(Proxy::heal);
    cluster.await_back(&cluster.validator(1));

    let names: Vec<String> = cluster.nodes().into_iter().map(|(name, _)| name).collect();
    let seen = judge::finish(observer, revoked.answered, &names);
    judge::in_time(&seen, &revoked);
    judge::never_accepted(&seen, revoked.answered, &names);
    judge::served(&seen, &names, disturbed, cut);
    judge::silent(&seen, &[validator(1)], cut + LEASE, healed);
    assert!(seen.about(DOOMED).count() > 0);
}
