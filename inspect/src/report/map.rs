// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A picture of preserved memory: cells, each for a part of the image, filled by the preserved
//! share.

use super::Report;
use crate::text::size;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

const FULL: Style = AnsiColor::Green.on_default();
const FAINT: Style = Style::new().dimmed();

/// Size of the picture, in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Cells in a row.
    pub columns: usize,
    /// Number of rows.
    pub rows: usize,
}

impl Size {
    /// A size that fits a terminal so many columns wide; elsewhere, as wide as other text at most.
    #[must_use]
    pub fn that_fits(columns: Option<usize>) -> Self {
        // An address precedes each row.
        let columns = columns.unwrap_or(100).clamp(32, 500) - 18;
        Self { columns: columns / 8 * 8, rows: 32 }
    }
}

/// A part of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Bytes that the image has.
    pub memory: u64,
    /// Bytes that are preserved.
    pub preserved: u64,
}

/// The cells of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// The first address.
    pub start: u64,
    /// Size of a cell, in bytes.
    pub cell: u64,
    /// The cells, in the order of their addresses.
    pub cells: Vec<Cell>,
}

/// A row of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row<'m> {
    /// Cells, from an address on.
    Cells(u64, &'m [Cell]),
    /// Rows in which nothing is preserved, from an address on: memory is mostly that.
    Empty(u64),
}

impl Map {
    /// The rows of that many cells. Consecutive empty rows are one.
    pub fn rows(&self, columns: usize) -> impl Iterator<Item = Row<'_>> {
        let is_empty = |cells: &&[Cell]| cells.iter().all(|cell| cell.preserved == 0);
        let columns = columns.max(1);
        let rows = move |row: usize| self.cells.chunks(columns).nth(row);
        let empty = move |row: Option<usize>| row.and_then(rows).is_some_and(|row| is_empty(&row));
        self.cells.chunks(columns).enumerate().filter_map(move |(row, cells)| {
            let start = self.start + (row * columns) as u64 * self.cell;
            match (empty(row.checked_sub(1)), is_empty(&cells), empty(Some(row + 1))) {
                (true, true, _) => None,
                (false, true, true) => Some(Row::Empty(start)),
                _ => Some(Row::Cells(start, cells)),
            }
        })
    }

    /// Divides an image's memory into that many cells, or a few less.
    ///
    /// `None` if there is no memory, or if too many ranges are preserved to list them.
    #[must_use]
    pub fn new(report: Report<'_>, cells: usize) -> Option<Self> {
        let page = report.state.page_size as u64;
        let ranges = report.image.ranges();
        let (start, end) = (ranges.first()?.start, ranges.last()?.end);
        let runs = report.state.preserved()?.runs()?;
        let cell = (end - start).div_ceil(cells.max(1) as u64).checked_next_multiple_of(page)?;
        let number = usize::try_from((end - start).div_ceil(cell)).ok()?;
        let mut map = Self { start, cell, cells: vec![Cell::default(); number] };
        for range in ranges {
            map.add(range.start, range.end, |cell| &mut cell.memory);
        }
        for run in runs {
            let bytes = |page_number: u64| page_number.saturating_mul(page);
            map.add(bytes(run.start), bytes(run.end), |cell| &mut cell.preserved);
        }
        Some(map)
    }

    fn add(&mut self, start: u64, end: u64, field: impl Fn(&mut Cell) -> &mut u64) {
        let first = usize::try_from(start.saturating_sub(self.start) / self.cell);
        let Ok(first) = first else { return };
        for (index, cell) in self.cells.iter_mut().enumerate().skip(first) {
            let cell_start = self.start + index as u64 * self.cell;
            if cell_start >= end {
                break;
            }
            let within = end.min(cell_start.saturating_add(self.cell)) - start.max(cell_start);
            let sum = field(cell);
            *sum = sum.saturating_add(within);
        }
    }
}

impl Cell {
    /// How full it is, from 0 if nothing is preserved to 4 if everything is.
    #[must_use]
    pub fn level(self) -> usize {
        let Self { memory, preserved } = self;
        if preserved == 0 {
            return 0;
        }
        if preserved >= memory {
            return 4;
        }
        // Round up from nothing, and down from everything.
        let quarters = u128::from(preserved) * 4 / u128::from(memory);
        usize::try_from(quarters).unwrap_or(3).clamp(1, 3)
    }
}

/// Draws the picture.
///
/// # Errors
///
/// Errors of the writer.
pub fn write(report: Report<'_>, picture: Size, out: &mut dyn Write) -> io::Result<()> {
    const LEVELS: [char; 5] = ['·', '░', '▒', '▓', '█'];
    let Size { columns, rows } = picture;
    let columns = columns.max(8);
    let Some(map) = Map::new(report, columns * rows.max(1)) else {
        return writeln!(out, "nothing to draw: no tree of preserved pages was read");
    };
    writeln!(
        out,
        "each cell is {}: {FULL}█{FULL:#} preserved, {FULL}▓▒░{FULL:#} partly, {FAINT}·{FAINT:#} \
         not, blank: no memory",
        size(map.cell)
    )?;
    for row in map.rows(columns) {
        let (start, cells) = match row {
            Row::Cells(start, cells) => (start, cells),
            Row::Empty(start) => {
                writeln!(out, "{start:#016x}  {FAINT}…{FAINT:#}")?;
                continue;
            }
        };
        write!(out, "{start:#016x}  ")?;
        for cell in cells {
            match (cell.level(), cell.memory) {
                (0, 0) => write!(out, " ")?,
                (0, _) => write!(out, "{FAINT}{}{FAINT:#}", LEVELS[0])?,
                (level, _) => write!(out, "{FULL}{}{FULL:#}", LEVELS[level])?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_rows_are_one_where_several_follow_each_other() {
        let cell = |preserved| Cell { memory: 16, preserved };
        let cells: Vec<Cell> = [1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 3].map(cell).to_vec();
        let map = Map { start: 0x100, cell: 16, cells };
        let rows: Vec<Row<'_>> = map.rows(2).collect();
        assert_eq!(
            rows,
            [
                Row::Cells(0x100, &map.cells[0..2]),
                Row::Cells(0x120, &map.cells[2..4]),
                Row::Cells(0x140, &map.cells[4..6]),
                Row::Empty(0x160),
                Row::Cells(0x1c0, &map.cells[12..13]),
            ]
        );
    }
}
