//! A small HTTP/1.1 client: one kept connection, one request at a time, no more than the load needs.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::Outcome;

/// A kept connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer: its status, and how much of the buffer its head and its whole take.
struct Frame {
    status: u16,
    head: usize,
    whole: usize,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a request and waits for its whole answer; the status.
    ///
    /// # Errors
    /// The connection ended, or what came is no HTTP.
    pub async fn send(&mut self, request: &[u8]) -> Outcome<u16> {
        self.exchange(request).await.map(|frame| frame.status)
    }

    /// The same, with the answer's body.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn ask(&mut self, request: &[u8]) -> Outcome<(u16, String)> {
        let frame = self.exchange(request).await?;
        let body = self.buffer.get(frame.head..frame.whole).unwrap_or_default();
        Ok((frame.status, String::from_utf8_lossy(body).into_owned()))
    }

    async fn exchange(&mut self, request: &[u8]) -> Outcome<Frame> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if let Some(frame) = frame(&self.buffer)?
                && self.buffer.len() >= frame.whole
            {
                return Ok(frame);
            }
        }
    }
}

/// What the head says, once it is whole.
fn frame(bytes: &[u8]) -> Outcome<Option<Frame>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status line")?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let length = length.ok_or("an answer without Content-Length")??;
    Ok(Some(Frame { status: status.parse()?, head: end + 4, whole: end + 4 + length }))
}

/// A request in bytes.
pub fn request(method: &str, path: &str, key: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\nX-Api-Key: {key}\r\n"
    );
    let body = match body {
        "" => "\r\n".to_owned(),
        body => format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    };
    (head + &body).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_is_not_whole_is_waited_for() {
        assert!(frame(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n").unwrap().is_none());
    }

    #[test]
    fn status_and_length_are_read_whatever_the_case() {
        let frame = frame(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}").unwrap().unwrap();
        assert_eq!((frame.status, frame.head, frame.whole), (201, 43, 45));
    }

    #[test]
    fn an_answer_without_length_is_an_error() {
        assert!(frame(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
