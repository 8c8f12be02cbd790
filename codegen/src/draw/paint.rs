// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Colours, and text that fits.

/// Colours for a light ground.
const LIGHT: &str = "
  --k-text: #1d2329; --k-faint: #56616c; --k-line: #8f989f; --k-ground: #ffffff; --k-int: #dcebf7; --k-char: #f4ecd2;
  --k-address: #d5efe5; --k-embedded: #e8e1f5; --k-pointer: #f9d9d5; --k-hole: #e9e6dd; --k-accent: #0b6b57;
  --k-added: #cdeccf; --k-removed: #f8d3cf; --k-moved: #fbe3b5; --k-changed: #f3d5ec; --k-same: #eef0f2;";

/// Colours for a dark ground.
const DARK: &str = "
  --k-text: #e4e7ea; --k-faint: #a3adb7; --k-line: #6d7882; --k-ground: #1c2227;
  --k-int: #233c52; --k-char: #463d1e; --k-address: #1d4639; --k-embedded: #3a3054; --k-pointer: #5a2723; --k-hole: #33383d;
  --k-accent: #5fd0b0; --k-added: #1f4d2b; --k-removed: #5f2722; --k-moved: #5b4312; --k-changed: #552a4b; --k-same: #2a3036;";

/// The style of pictures, which follows `prefers-color-scheme`. A page has it once, a picture by itself in it.
///
/// Classes begin with `k-`, so that they are at home in anybody's page.
#[must_use]
pub fn style() -> String {
    format!(
        "\n:root {{{LIGHT} }}\n@media (prefers-color-scheme: dark) {{ :root {{{DARK} }} }}\n{CLASSES}"
    )
}

/// The same for a page whose readers choose light or dark: by which selectors it is known.
#[must_use]
pub fn style_for(light: &str, dark: &str) -> String {
    format!("{light} {{{LIGHT} }}\n{dark} {{{DARK} }}\n{CLASSES}")
}

const CLASSES: &str = "\
.k-picture { display: block; width: 100%; max-width: 560px; height: auto; font-family: ui-monospace, 'DejaVu Sans Mono', monospace;
  font-size: 12px; }
.k-picture text { fill: var(--k-text); } .k-picture .k-faint { fill: var(--k-faint); font-size: 10px; }
.k-picture .k-title { font-size: 13px; font-weight: bold; }
.k-picture a text { fill: var(--k-accent); text-decoration: underline; }
.k-field, .k-box { stroke: var(--k-line); stroke-width: 1; fill: var(--k-int); }
.k-char { fill: var(--k-char); } .k-address { fill: var(--k-address); } .k-embedded { fill: var(--k-embedded); }
.k-pointer { fill: var(--k-pointer); } .k-same { fill: var(--k-same); }
.k-hole { fill: var(--k-hole); stroke-dasharray: 3 3; }
.k-added { fill: var(--k-added); } .k-removed { fill: var(--k-removed); } .k-moved { fill: var(--k-moved); }
.k-changed { fill: var(--k-changed); }
.k-ribbon { opacity: .55; } .k-ribbon.k-same { opacity: .5; }
.k-cache { stroke: var(--k-text); stroke-width: 1.5; fill: none; } .k-row { stroke: var(--k-line); stroke-width: .5; stroke-dasharray: 1 3; }
.k-torn { fill: var(--k-ground); stroke: var(--k-line); } .k-edge { stroke: var(--k-line); stroke-width: 1.5; fill: none; }
.k-edge.k-leads { stroke: var(--k-accent); stroke-dasharray: 5 3; } .k-arrow { fill: var(--k-accent); }
.k-pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 0 1.5rem; }
.k-pair figure { margin: .5rem 0; min-width: 0; }
.k-key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; } .k-key i { display: inline-block; width: .9em; height: .9em;
  margin-right: .4em; border: 1px solid var(--k-line); vertical-align: -.1em; }
.k-key .k-added { background: var(--k-added); } .k-key .k-removed { background: var(--k-removed); } .k-key .k-moved { background: var(--k-moved); }
.k-key .k-changed { background: var(--k-changed); } .k-key .k-same { background: var(--k-same); }
.k-again { fill: none; stroke-dasharray: 2 3; }
";

/// Width of a monospaced character, in tenths of the font's size, rounded up.
const CHARACTER: u64 = 61;

/// How wide a text is at most, in units of the picture. Characters beyond ASCII may be twice as wide as others.
pub(super) fn width(text: &str, font: u64) -> u64 {
    let characters: u64 = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    (characters * font * CHARACTER).div_ceil(100)
}

/// The text if it fits, else its beginning with an ellipsis; `None` where not even three letters fit.
pub(super) fn fitting(text: &str, font: u64, space: u64) -> Option<String> {
    if width(text, font) <= space {
        return Some(text.to_string());
    }
    let ellipsis = width("…", font);
    let mut out = String::new();
    for c in text.chars() {
        if width(&out, font) + width(c.encode_utf8(&mut [0; 4]), font) + ellipsis > space {
            break;
        }
        out.push(c);
    }
    (out.chars().count() >= 3).then(|| out + "…")
}

/// The name of a thing that has no room for its own: `a`, `b`, …, `z`, `aa`, ….
pub(super) fn key(index: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap_or(0));
    match index.checked_div(26) {
        Some(more @ 1..) => format!("{}{}", key(more - 1), letter(index)),
        _ => letter(index).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fits_or_is_cut() {
        assert_eq!(fitting("luo_ser", 12, width("luo_ser", 12)).as_deref(), Some("luo_ser"));
        let cut = fitting("vfio_pci_core_device_ser", 12, 60).unwrap();
        assert!(cut.ends_with('…') && width(&cut, 12) <= 60, "{cut}");
        assert_eq!(fitting("pending", 12, 20), None);
        assert_eq!(
            [0, 25, 26, 27, 51, 52, 701, 702].map(key),
            ["a", "z", "aa", "ab", "az", "ba", "zz", "aaa"]
        );
    }
}
