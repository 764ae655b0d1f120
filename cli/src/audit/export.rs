//! `nexus audit export`

use std::fs::File;
use std::io::{BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};

use super::filter::Filter;
use crate::client::Client;
use crate::failure::Failure;
use crate::output;

const PIECE: usize = 64 * 1024;

/// Export the audit log, as a stream of any length
///
/// A file is written under another name first and takes its own when the export is complete: a broken one never stands
/// where a whole one is expected.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus audit export --output-file audit.ndjson
  nexus audit export --format csv --from 2026-01-01 --to 2026-02-01 > january.csv
  nexus audit export | gzip > audit.ndjson.gz")]
pub(super) struct ExportArgs {
    /// One JSON object a line, or comma-separated values with a header
    #[arg(long, value_enum, default_value_t = ExportFormat::Ndjson)]
    format: ExportFormat,

    /// Where to; stdout where absent
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, visible_alias = "output", value_parser = file)]
    output_file: Option<PathBuf>,

    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExportFormat {
    Ndjson,
    Csv,
}

/// The file, unless the word is what `--output` takes everywhere else: the form of the answer, and not where it goes.
fn file(text: &str) -> Result<PathBuf, String> {
    match text {
        "json" | "table" | "ndjson" | "csv" => Err(format!(
            "this names a file, and --format the form, ndjson or csv; for a file of that name write ./{text}"
        )),
        _ => Ok(PathBuf::from(text)),
    }
}

pub(super) fn run(args: &ExportArgs, client: &Client) -> Result<(), Failure> {
    let accept = match args.format {
        ExportFormat::Ndjson => "application/x-ndjson",
        ExportFormat::Csv => "text/csv",
    };
    let (path, query) = args.filter.request();
    let stream = client.download(&path, &query, accept)?;
    match &args.output_file {
        Some(file) => {
            let written = to_file(stream, file)?;
            output::note(&format!("{written} bytes written."));
            Ok(())
        }
        None => copy(stream, output::bytes).map(|_| ()),
    }
}

/// Writes the stream beside the file and moves it there when it is complete. Gives its length in bytes.
fn to_file(stream: impl Read, file: &Path) -> Result<u64, Failure> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = file.with_file_name(name);
    let failed = |error| Failure::io(format!("write {}", file.display()), error);
    let outcome = write_part(stream, &part, file).and_then(|written| {
        std::fs::rename(&part, file).map_err(failed)?;
        Ok(written)
    });
    if outcome.is_err() {
        // What is left of a failed export is of no use, and failing to remove it is not why it failed.
        let _ = std::fs::remove_file(&part);
    }
    outcome
}

fn write_part(stream: impl Read, part: &Path, file: &Path) -> Result<u64, Failure> {
    let failed = |error| Failure::io(format!("write {}", file.display()), error);
    let mut writer = BufWriter::new(File::create(part).map_err(failed)?);
    let written = copy(stream, |piece| writer.write_all(piece).map_err(failed))?;
    writer.flush().map_err(failed)?;
    writer.get_ref().sync_all().map_err(failed)?;
    Ok(written)
}

fn copy(mut stream: impl Read, mut write: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<u64, Failure> {
    let mut buffer = vec![0; PIECE];
    let mut written = 0;
    loop {
        let length = match stream.read(&mut buffer) {
            Ok(0) => return Ok(written),
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            // Not `Failure::io`: a connection that the server closed is a failure, unlike a reader of ours that left.
            Err(source) => return Err(Failure::Io { doing: "read the whole export".to_owned(), source }),
        };
        write(buffer.get(..length).unwrap_or_default())?;
        written += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("nexus-export-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_form_is_not_taken_for_a_file() {
        assert_eq!(file("audit.json"), Ok(PathBuf::from("audit.json")));
        assert_eq!(file("./json"), Ok(PathBuf::from("./json")));
        for form in ["json", "table", "csv", "ndjson"] {
            assert!(file(form).unwrap_err().contains("--format"), "{form}");
        }
    }

    #[test]
    fn a_whole_export_replaces_the_file() {
        let folder = folder("whole");
        let file = folder.join("audit.csv");
        std::fs::write(&file, "old").unwrap();
        let text = "x".repeat(3 * PIECE + 1);
        assert_eq!(to_file(text.as_bytes(), &file).unwrap(), text.len() as u64);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_broken_export_leaves_the_file_as_it_was() {
        let folder = folder("broken");
        let file = folder.join("audit.csv");
        std::fs::write(&file, "old").unwrap();
        let failure = to_file(b"new".chain(Broken), &file).unwrap_err();
        assert!(failure.line().starts_with("cannot read the whole export"), "{failure}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
