//! HTTP/1.1: requests as octets, and where an answer ends.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

/// One request a line, `METHOD PATH [BODY]`.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let requests = text.lines().map(request).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(!requests.is_empty(), "{} has no request", file.display());
    Ok(requests)
}

pub(crate) fn request(line: &str) -> anyhow::Result<Vec<u8>> {
    let mut parts = line.splitn(3, ' ');
    let method = parts.next().unwrap_or_default();
    let path = parts.next().with_context(|| format!("not a method and a path: {line}"))?;
    let head = format!("{method} {path} HTTP/1.1\r\nhost: bench\r\n");
    let request = match parts.next() {
        Some(body) => {
            let length = body.len();
            format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        }
        None => format!("{head}\r\n"),
    };
    Ok(request.into_bytes())
}

/// The status of the answer at the beginning of `octets`, and its length; none until it is whole.
pub(crate) fn answer(octets: &[u8]) -> Option<(u16, usize)> {
    let head_end = octets.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&octets[..head_end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut length = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
            length = octets[head_end..].windows(LAST_CHUNK.len()).position(|window| window == LAST_CHUNK)?;
            length += LAST_CHUNK.len();
        }
    }
    (octets.len() >= head_end + length).then_some((status, head_end + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_it_says() {
        let answered = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 ";
        assert_eq!(answer(answered), Some((201, 45)));
        assert_eq!(answer(&answered[..44]), None);
        assert_eq!(answer(b"HTTP/1.1 204 No Content\r\n\r\n"), Some((204, 27)));
        let chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        assert_eq!(answer(chunks), Some((200, chunks.len())));
    }
}
