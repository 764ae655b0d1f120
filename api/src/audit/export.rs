//! The audit trail as a stream: everything that matches, however much it is.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use nexus_infrastructure::personal_data::PersonalData;
use nexus_projections::audit_trail::{AuditExport, AuditFilter, Order};

use crate::app::App;
use crate::audit::{AuditObject, open};
use crate::problem::Problem;

/// How the entries are written.
#[derive(Clone, Copy)]
pub(super) enum Format {
    /// An object a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
}

const CSV_HEAD: &[&str] = &[
    "position",
    "event_id",
    "time",
    "tenant_id",
    "actor",
    "action",
    "key_id",
    "ip",
    "outcome",
    "request_id",
    "details",
];

/// Streams everything that matches, oldest first.
pub(super) async fn export(
    app: &web::Data<App>,
    filter: AuditFilter,
    ip: Option<String>,
    format: Format,
) -> Result<HttpResponse, Problem> {
    let export = app.projections.audit_trail().export(filter, Order::OldestFirst).await?;
    let personal_data = app.gate.personal_data().clone();
    let head = match format {
        Format::Ndjson => Bytes::new(),
        Format::Csv => csv_rows(|writer| writer.write_record(CSV_HEAD))?,
    };
    let pages =
        stream::try_unfold((export, personal_data, ip), move |(mut export, personal_data, ip)| async move {
            let piece = piece(&mut export, &personal_data, ip.as_deref(), format).await?;
            Ok::<_, Problem>(piece.map(|piece| (piece, (export, personal_data, ip))))
        });
    let all = stream::once(async move { Ok::<_, Problem>(head) }).chain(pages);
    let content_type = match format {
        Format::Ndjson => "application/x-ndjson",
        Format::Csv => "text/csv; charset=utf-8",
    };
    Ok(HttpResponse::Ok().content_type(content_type).streaming(all.map_err(actix_web::Error::from)))
}

async fn piece(
    export: &mut AuditExport,
    personal_data: &PersonalData,
    ip: Option<&str>,
    format: Format,
) -> Result<Option<Bytes>, Problem> {
    let Some(items) = export.next().await? else {
        return Ok(None);
    };
    let mut objects = Vec::with_capacity(items.len());
    for item in items {
        let object = open(item, personal_data).await?;
        if ip.is_none_or(|ip| object.ip.as_deref() == Some(ip)) {
            objects.push(object);
        }
    }
    let bytes = match format {
        Format::Ndjson => {
            let mut lines = Vec::new();
            for object in &objects {
                serde_json::to_writer(&mut lines, object).map_err(Problem::internal)?;
                lines.push(b'\n');
            }
            Bytes::from(lines)
        }
        Format::Csv => csv_rows(|writer| objects.iter().try_for_each(|object| write_row(writer, object)))?,
    };
    Ok(Some(bytes))
}

fn csv_rows(write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> Result<Bytes, Problem> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    write(&mut writer).map_err(Problem::internal)?;
    writer.into_inner().map(Bytes::from).map_err(Problem::internal)
}

fn write_row(writer: &mut csv::Writer<Vec<u8>>, object: &AuditObject) -> csv::Result<()> {
    // What a spreadsheet would take for a formula is made a text.
    let text = |value: &Option<String>| match value {
        Some(value) if value.starts_with(['=', '+', '-', '@']) => format!("'{value}"),
        Some(value) => value.clone(),
        None => String::new(),
    };
    writer.write_record([
        object.position.to_string(),
        text(&object.event_id),
        object.time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        object.tenant_id.map(|id| id.to_string()).unwrap_or_default(),
        text(&object.actor),
        object.action.clone(),
        object.key_id.map(|id| id.to_string()).unwrap_or_default(),
        text(&object.ip),
        object.outcome.clone(),
        text(&object.request_id),
        object.details.get().to_owned(),
    ])
}
