//! The dialects of a process: the built-in ones, or those of a folder, and always the platform's own.

use std::path::{Path, PathBuf};

pub use nexus_domain::dialect::MANAGEMENT;
use nexus_domain::dialect::{self, Dialect, DialectConflict, Dialects, InvalidDialect};

/// The dialects cannot be loaded. Prints as one line.
#[derive(Debug, thiserror::Error)]
pub enum DialectsError {
    /// A file is not a dialect.
    #[error("{0}")]
    Invalid(#[from] InvalidDialect),
    /// Two files do not go together.
    #[error("{0}")]
    Conflict(#[from] DialectConflict),
    /// The folder or a file in it cannot be read.
    #[error("cannot read {path}: {reason}; check `dialects.path` in the configuration")]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The folder holds no dialect.
    #[error(
        "{path} holds no .toml file; put a dialect there or leave `dialects.path` out for the built-in ones"
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// Loads the dialects of `folder`, or the built-in ones, and the platform's own.
///
/// # Errors
/// [`DialectsError`], which names the file, the line and the reason.
pub fn load(folder: Option<&Path>) -> Result<Dialects, DialectsError> {
    let Some(folder) = folder else { return Ok(dialect::built_in()) };
    let mut dialects = vec![dialect::management()];
    for file in toml_files(folder)? {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| DialectsError::Unreadable { path: file.clone(), reason: error.to_string() })?;
        dialects.push(Dialect::parse(&file.display().to_string(), &text)?);
    }
    Ok(Dialects::new(dialects)?)
}

fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, DialectsError> {
    let unreadable = |error: std::io::Error| DialectsError::Unreadable {
        path: folder.to_owned(),
        reason: error.to_string(),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(DialectsError::Empty { path: folder.to_owned() });
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(load(Some(folder.path())), Err(DialectsError::Empty { .. })));
        std::fs::write(folder.path().join("bad.toml"), "name = \"bad\"\ncolour = 1\n").unwrap();
        let line = load(Some(folder.path())).unwrap_err().to_string();
        assert!(line.contains("bad.toml:2: unknown field `colour`"), "{line}");
    }
}
