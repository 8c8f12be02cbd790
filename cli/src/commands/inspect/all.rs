// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect --all`: what each device tree of KHO leads to, the latest first.

use super::{outcome, Args, Format};
use crate::output::{Destination, Failure, Fitted, Outcome};
use kho_abi_inspect::image::Image;
use kho_abi_inspect::report::{json, lines, text, Filter, Report};
use kho_abi_inspect::{generations, Options, State};
use std::io::Write as _;

/// The schema of a document with several reports.
pub(crate) const SCHEMA: &str = "kho-abi/inspect-all/1";

/// The JSON Schema of the output of `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    let mut schema = json::schema();
    let report = serde_json::Value::Object(
        ["type", "properties", "required"]
            .into_iter()
            .filter_map(|key| Some((key.to_string(), schema.remove(key)?)))
            .collect(),
    );
    schema.insert("type".into(), "object".into());
    schema.insert("required".into(), ["schema", "reports"].as_slice().into());
    let properties = serde_json::json!({
        "schema": { "type": "string" },
        "reports": { "type": "array", "items": report },
    });
    schema.insert("properties".into(), properties);
    schema
}

pub(super) fn run(
    args: &Args,
    options: &Options,
    image: &Image,
    name: &str,
    first: State,
    to: &Destination,
) -> Result<Outcome, Failure> {
    if args.format == Format::Html {
        return Err(Failure {
            message: "--all does not support HTML".into(),
            help: "choose one device tree with --fdt, or use text or JSON".into(),
        });
    }
    let states = generations(image, options, first);
    let filter = Filter::default();
    to.write(|out| {
        let end = if args.format == Format::Json { "\n" } else { "" };
        let json = matches!(args.format, Format::Json | Format::JsonCompact);
        if json {
            write!(out, "{{\"schema\":\"{SCHEMA}\",\"reports\":[{end}")?;
        }
        for (index, state) in states.iter().enumerate() {
            // JSON lines mark the end of a report themselves.
            if index > 0 && args.format != Format::Jsonl {
                out.write_all(if json { b"," } else { b"\n" })?;
            }
            let report = Report { image, name, state, filter: &filter };
            match args.format {
                Format::Json => json::write(report, out)?,
                Format::JsonCompact => json::write_compact(report, out)?,
                Format::Jsonl => lines::write(report, out)?,
                _ => {
                    let mut out = Fitted::new(&mut *out, to.columns());
                    text::write(report, &mut out)?;
                    out.flush()?;
                }
            }
        }
        if json {
            writeln!(out, "]}}")?;
        }
        Ok(())
    })?;
    let found = states.iter().any(|state| outcome(state) == Outcome::Findings);
    Ok(if found { Outcome::Findings } else { Outcome::Clean })
}
