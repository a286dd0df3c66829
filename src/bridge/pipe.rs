//! The pipe that a worker's messages come through, read at most for a given time.

#[cfg(not(unix))]
pub(super) use thread::Pipe;
#[cfg(unix)]
pub(super) use waiting::Pipe;

/// Reads in the calling thread: waking another one for every step takes as long as a step of a small environment.
#[cfg(unix)]
mod waiting {
    use std::io::{ErrorKind, Read as _};
    use std::process::ChildStdout;
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;

    use super::super::wire::Message;

    /// Bytes that are read at once.
    const CHUNK: usize = 1 << 16;

    pub struct Pipe {
        output: ChildStdout,
        /// What has come and is no whole message yet, from `begin` on.
        arrived: Vec<u8>,
        begin: usize,
        chunk: Vec<u8>,
        closed: bool,
    }

    impl Pipe {
        pub fn new(output: ChildStdout) -> Self {
            Self { output, arrived: Vec::new(), begin: 0, chunk: vec![0; CHUNK], closed: false }
        }

        /// The next message; `None` if it did not come in `time`.
        pub fn next(&mut self, time: Duration) -> Option<Message> {
            let until = Instant::now() + time;
            loop {
                let mut rest = &self.arrived[self.begin..];
                let message =
                    if self.closed { Some(Message::read(&mut rest)) } else { Message::whole(&mut rest) };
                if let Some(message) = message {
                    self.begin = self.arrived.len() - rest.len();
                    if self.begin == self.arrived.len() {
                        self.arrived.clear();
                        self.begin = 0;
                    }
                    return Some(message);
                }
                if !self.waits_for_more(until) {
                    return None;
                }
                match self.output.read(&mut self.chunk) {
                    Ok(0) => self.closed = true,
                    Ok(count) => self.arrived.extend_from_slice(&self.chunk[..count]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Some(Message::Garbled(error.to_string())),
                }
            }
        }

        /// Whether something came `until` then.
        fn waits_for_more(&self, until: Instant) -> bool {
            loop {
                let left = until.saturating_duration_since(Instant::now());
                let limit = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
                let mut found = [PollFd::new(&self.output, PollFlags::IN)];
                match poll(&mut found, Some(&limit)) {
                    Err(Errno::INTR) => {}
                    // What is wrong with it is found when it is read.
                    Err(_) => return true,
                    Ok(count) => return count > 0,
                }
            }
        }
    }
}

/// Reads in a thread of its own, where a pipe cannot be waited for with a limit.
#[cfg(not(unix))]
mod thread {
    use std::io::BufReader;
    use std::process::ChildStdout;
    use std::time::Duration;

    use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

    use super::super::wire::Message;

    pub struct Pipe(Receiver<Message>);

    impl Pipe {
        pub fn new(output: ChildStdout) -> Self {
            let (sender, messages) = bounded(4);
            std::thread::spawn(move || {
                let mut output = BufReader::with_capacity(1 << 16, output);
                loop {
                    let message = Message::read(&mut output);
                    let last = matches!(message, Message::Closed | Message::Garbled(_));
                    if sender.send(message).is_err() || last {
                        return;
                    }
                }
            });
            Self(messages)
        }

        /// The next message; `None` if it did not come in `time`.
        pub fn next(&mut self, time: Duration) -> Option<Message> {
            match self.0.recv_timeout(time) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Disconnected) => Some(Message::Closed),
                Err(RecvTimeoutError::Timeout) => None,
            }
        }
    }
}
