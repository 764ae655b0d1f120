//! The master key's file: 32 bytes in base64, readable by its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{KEY_BYTES, VaultError};
use crate::entropy::Entropy;

/// A file longer than this holds no key, whatever it holds.
const LONGEST_FILE: u64 = 1_024;

pub(super) fn read_or_create(
    path: &Path,
    entropy: &dyn Entropy,
) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultError> {
    match File::open(path) {
        Ok(file) => read(path, file),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create(path, entropy).map_err(|source| VaultError::NotMade { path: path.into(), source })?;
            // Read back even if it was made just now: another process may have been first, and its key is the one.
            File::open(path)
                .map_err(|source| VaultError::Unreadable { path: path.into(), source })
                .and_then(|file| read(path, file))
        }
        Err(source) => Err(VaultError::Unreadable { path: path.into(), source }),
    }
}

fn read(path: &Path, file: File) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultError> {
    let unreadable = |source| VaultError::Unreadable { path: path.into(), source };
    // Asked of the open file: the path could name another by now.
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(VaultError::Exposed { path: path.into(), mode });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(128));
    file.take(LONGEST_FILE).read_to_end(&mut text).map_err(unreadable)?;
    let bytes = STANDARD
        .decode(text.trim_ascii())
        .map(Zeroizing::new)
        .map_err(|_| VaultError::NotBase64 { path: path.into() })?;
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice())
        .map_err(|_| VaultError::WrongLength { path: path.into(), found: bytes.len() })?;
    Ok(Zeroizing::new(key))
}

/// Writes a new key beside the path and links it into place, so that the path names a whole key or nothing, and never
/// replaces a key that is there.
fn create(path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let draft = draft(path, entropy);
    let linked = write(&draft, entropy).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => removed?,
    }
    // Only now is the name on disk too.
    File::open(folder)?.sync_all()
}

fn draft(path: &Path, entropy: &dyn Entropy) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:016x}", u64::from_be_bytes(entropy.array())));
    name.into()
}

fn write(draft: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    entropy.fill(key.as_mut_slice());
    let text = Zeroizing::new(STANDARD.encode(key.as_slice()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::entropy::SystemEntropy;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn refusal(path: &Path) -> String {
        read_or_create(path, &SystemEntropy).unwrap_err().to_string()
    }

    #[test]
    fn is_made_once_and_read_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nexus.key");
        let made = read_or_create(&path, &SystemEntropy).unwrap();
        assert_eq!(read_or_create(&path, &SystemEntropy).unwrap(), made);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn all_that_start_at_once_get_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nexus.key");
        let keys: HashSet<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..16).map(|_| scope.spawn(|| *read_or_create(&path, &SystemEntropy).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn is_refused_when_others_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nexus.key");
        read_or_create(&path, &SystemEntropy).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            set_mode(&path, mode);
            let refusal = refusal(&path);
            assert!(refusal.contains(&format!("(mode {mode:03o})")), "{refusal}");
            assert!(refusal.contains(&format!("chmod 600 {}", path.display())), "{refusal}");
        }
    }

    #[test]
    fn is_refused_when_it_holds_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nexus.key");
        for (content, says) in [
            ("", "holds 0 bytes instead of 32"),
            ("c2hvcnQ=", "holds 5 bytes instead of 32"),
            ("correct horse", "does not hold a key in base64"),
        ] {
            fs::write(&path, content).unwrap();
            set_mode(&path, 0o600);
            let refusal = refusal(&path);
            assert!(refusal.ends_with(says), "{refusal}");
        }
    }

    #[test]
    fn names_the_path_that_cannot_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = refusal(&folder.path().join("absent/nexus.key"));
        assert!(refusal.contains("absent/nexus.key cannot be made"), "{refusal}");
    }
}
