//! Aligned columns for people.

use crate::limits;

/// Rows below their headings, two spaces between columns; nothing after the last one. Long cells are cut.
pub(super) fn aligned(headings: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| cut(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..headings.len()).map(width).collect();
    let mut text = line(headings, &widths);
    for row in &rows {
        text.push_str(&line(row, &widths));
    }
    text
}

/// `text` with its control characters escaped: what a host is called must not steer a terminal.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// One long cell must not push every other one off the screen.
fn cut(cell: &str) -> String {
    if cell.chars().count() <= limits::CLIENT_CELL_CHARS {
        return cell.to_owned();
    }
    cell.chars().take(limits::CLIENT_CELL_CHARS - 1).chain(['…']).collect()
}

fn line(cells: &[impl AsRef<str>], widths: &[usize]) -> String {
    let padded: Vec<_> =
        cells.iter().zip(widths).map(|(cell, width)| format!("{:<width$}", cell.as_ref(), width = *width)).collect();
    format!("{}\n", padded.join("  ").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["web".into(), "é".into(), String::new()], vec!["w".into(), "longer".into(), "x".into()]];
        let expected = "A    B       C\nweb  é\nw    longer  x\n";
        assert_eq!(aligned(&["A", "B", "C"], &rows), expected);
    }

    #[test]
    fn long_cells_are_cut() {
        let fits = "é".repeat(limits::CLIENT_CELL_CHARS);
        assert_eq!(cut(&fits), fits);
        let shown = aligned(&["A", "B"], &[vec![format!("{fits}x"), "b".into()]]);
        assert!(shown.ends_with("é…  b\n"), "{shown}");
    }
}
