use nexus_domain::credential::*;
use nexus_domain::dialect::*;
use nexus_domain::ids::*;
use nexus_domain::validity::*;
use nexus_domain::verification::*;
use nexus_validator::usage_journal::*;
use nexus_validator::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;
fn rss() -> u64 {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    s.lines()
        .find(|l| l.starts_with("VmRSS"))
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}
struct R(u64);
impl R {
    fn n(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
fn bytes(r: &mut R) -> [u8; 24] {
    let mut b = [0; 24];
    for c in b.chunks_mut(8) {
        c.copy_from_slice(&r.n().to_le_bytes());
    }
    b
}
fn entry(i: u64, r: &mut R) -> Entry {
    let d = Secret::mint("nx_live_", &bytes(r)).digest();
    Entry::Key(Box::new(KeyEntry {
        key_id: KeyId::new(Uuid::from_u64_pair(i, r.0)),
        tenant_id: TenantId::new(Uuid::from_u128(u128::from(i % 1000))),
        name: format!("production-key-{i:06}"),
        key_type: KeyType::Secret,
        environment: "live".into(),
        scopes: if i % 3 == 0 {
            ["read:users".parse().unwrap()].into()
        } else {
            ["read:users".parse().unwrap(), "write:users".parse().unwrap()].into()
        },
        ip_allowlist: vec![],
        restrictions: Default::default(),
        client_id: None,
        secrets: vec![SecretEntry {
            digest: d,
            version: 1,
            status: SecretStatus::Current,
            not_after: i64::MAX,
        }],
    }))
}
fn main() {
    let n: u64 = 1_000_000;
    let batch: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let texts = ["nexus", "nexpay", "nexuscommerce"]
        .map(|f| std::fs::read_to_string(format!("dialects/{f}.toml")).unwrap());
    let dialects = Arc::new(Dialects::new(texts.iter().map(|t| Dialect::parse("x", t).unwrap())).unwrap());
    let v = Validator::new(dialects);
    v.apply(
        (0..1000u64).map(|t| {
            Entry::Tenant(TenantEntry {
                tenant_id: TenantId::new(Uuid::from_u128(u128::from(t))),
                dialect: "nexus".into(),
                suspended: false,
            })
        }),
        1,
    );
    let before = rss();
    let t = Instant::now();
    let mut r = R(88172645463325252);
    let mut i = 0;
    while i < n {
        let end = (i + batch as u64).min(n);
        v.apply((i..end).map(|i| entry(i, &mut r)), end);
        i = end;
    }
    println!(
        "load {:?} (batch {batch}); {} secrets; {} bytes/key RSS",
        t.elapsed(),
        v.len(),
        (rss() - before) / n
    );
    let t = Instant::now();
    let mut r2 = R(999);
    for i in 0..10_000 {
        v.apply([entry(i, &mut r2)], n + i);
    }
    println!("single update {:?}", t.elapsed() / 10_000);
    // secrets
    let mut r = R(88172645463325252);
    let mut secrets: Vec<[u8; 47]> = (0..n)
        .map(|_| Secret::mint("nx_live_", &bytes(&mut r)).expose().as_bytes().try_into().unwrap())
        .collect();
    for i in (1..secrets.len()).rev() {
        let j = (r.n() % (i as u64 + 1)) as usize;
        secrets.swap(i, j);
    }
    let mut map: HashMap<[u8; 32], (u64, i64)> = HashMap::new();
    for (i, s) in secrets.iter().enumerate() {
        map.insert(*Digest::of(std::str::from_utf8(s).unwrap()).as_bytes(), (i as u64, i64::MAX));
    }
    for i in (1..secrets.len()).rev() {
        let j = (r.n() % (i as u64 + 1)) as usize;
        secrets.swap(i, j);
    }
    let scopes = vec!["read:users".to_owned()];
    let q = Question {
        method: Some("GET"),
        environment: Some("live"),
        required_scopes: &scopes,
        ..Default::default()
    };
    let names = ["sha", "base", "full", "named", "parse", "of_secret", "sha+parse", "newparse"];
    let mut all: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
    let st = |s: &[u8; 47]| -> &'static str { unsafe_free(s) };
    fn unsafe_free(_: &[u8; 47]) -> &'static str {
        ""
    }
    let _ = st;
    for _ in 0..3 {
        for chunk in secrets.chunks(20_000) {
            for (k, out) in all.iter_mut().enumerate() {
                let t = Instant::now();
                let mut ok = 0;
                for s in chunk {
                    let s = std::str::from_utf8(s).unwrap();
                    ok += match k {
                        0 => u64::from(Digest::of(s).as_bytes()[0]),
                        1 => map.get(Digest::of(s).as_bytes()).map_or(0, |v| v.0 + 1),
                        2 => u64::from(v.verify_credential(None, s, &q, 5).unwrap().outcome.is_ok()),
                        3 => u64::from(
                            v.verify_credential(Some("nexus"), s, &Question::default(), 5)
                                .unwrap()
                                .outcome
                                .is_ok(),
                        ),
                        4 => u64::from(v.dialects().get("nexus").unwrap().parse_credential(s).is_ok()),
                        5 => u64::from(v.dialects().of_secret(s).is_some()),
                        7 => u64::from(newparse(s)),
                        _ => u64::from(
                            Digest::of(
                                v.dialects().get("nexus").unwrap().parse_credential(s).unwrap().secret,
                            )
                            .as_bytes()[0],
                        ),
                    };
                }
                std::hint::black_box(ok);
                out.push(t.elapsed().as_nanos() as f64 / chunk.len() as f64);
            }
        }
    }
    let mut ratio: Vec<f64> = all[1].iter().zip(&all[2]).map(|(b, f)| f / b).collect();
    ratio.sort_by(f64::total_cmp);
    let mut ratio3: Vec<f64> = all[1].iter().zip(&all[3]).map(|(b, f)| f / b).collect();
    ratio3.sort_by(f64::total_cmp);
    for (name, v) in names.iter().zip(&mut all) {
        v.sort_by(f64::total_cmp);
        println!("{name}: p10 {:.0} p50 {:.0}", v[v.len() / 10], v[v.len() / 2]);
    }
    println!("ratio full p50 {:.2}, named p50 {:.2}", ratio[ratio.len() / 2], ratio3[ratio3.len() / 2]);
    let v = Arc::new(v);
    let secrets = Arc::new(secrets);
    let t = Instant::now();
    let hs: Vec<_> = (0..2)
        .map(|k| {
            let (v, s) = (v.clone(), secrets.clone());
            std::thread::spawn(move || {
                for s in s.iter().skip(k).step_by(2) {
                    assert!(
                        v.verify_credential(None, std::str::from_utf8(s).unwrap(), &Question::default(), 5)
                            .unwrap()
                            .outcome
                            .is_ok()
                    );
                }
            })
        })
        .collect();
    for h in hs {
        h.join().unwrap();
    }
    println!("2 threads: {} ns each", t.elapsed().as_nanos() * 2 / 1_000_000);
    let dir = std::env::temp_dir().join(format!("measure-{}", std::process::id()));
    let (j, mut seg) = UsageJournal::open(&dir, &UsageJournalOptions::new(Uuid::nil())).unwrap();
    for threads in [1, 2] {
        let t = Instant::now();
        let hs: Vec<_> = (0..threads)
            .map(|k| {
                let j = j.clone();
                std::thread::spawn(move || {
                    let mut spent = std::time::Duration::ZERO;
                    for burst in 0..1000 {
                        let t = Instant::now();
                        for i in 0..200i64 {
                            j.record(&UsageRecord {
                                at: burst * 1000 + i,
                                key: Some((KeyId::new(Uuid::from_u128(k)), TenantId::new(Uuid::nil()), 1)),
                                code: Code::Valid,
                                method: Some("GET"),
                                path: Some("/v1/users/12345?x=1"),
                                ip: Some([10, 0, 0, 1].into()),
                                request_id: Some("4c1b6d0e-6d67-4a3f-9a3e-0c8f9c5e9f10"),
                                client_version: Some("nexus-node/1.2.3"),
                                dialect: Some("nexus"),
                            });
                        }
                        spent += t.elapsed();
                        std::thread::sleep(std::time::Duration::from_micros(500));
                    }
                    spent.as_nanos() / 200_000
                })
            })
            .collect();
        for h in hs {
            println!("record {} ns ({threads} threads)", h.join().unwrap());
        }
        let _ = t;
    }
    j.close();
    let mut c = 0;
    let t = Instant::now();
    while let Some(b) = seg.next().unwrap() {
        c += b.records.len();
        std::hint::black_box(b.aggregate(|_, _| None));
        seg.done(b.number).unwrap();
    }
    println!("drained {c} in {:?}, dropped {}", t.elapsed(), j.dropped());
    std::fs::remove_dir_all(dir).unwrap();
}

const DIGIT: [u8; 256] = {
    let mut t = [255u8; 256];
    let a = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut i = 0;
    while i < 62 {
        t[a[i] as usize] = i as u8;
        i += 1;
    }
    t
};
#[inline(never)]
fn newparse(s: &str) -> bool {
    let Some(rest) = s.strip_prefix("nx_live_") else { return false };
    if rest.len() != 39 {
        return false;
    }
    let ok = rest.bytes().fold(true, |ok, b| ok & b.is_ascii_alphanumeric());
    if !ok {
        return false;
    }
    let (signed, sum) = s.as_bytes().split_at(s.len() - 6);
    let value = sum.iter().fold(0u64, |v, b| v * 62 + u64::from(DIGIT[usize::from(*b)]));
    value == u64::from(crc32fast::hash(signed))
}
