//! A worker: a Python process that steps some copies of an outside environment.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::error::BridgeError;
use super::pipe::Pipe;
use super::python;
use super::settings::{BridgeSettings, name};
use super::wire::{Drawn, Frame, Hello, Layout, Message};

/// What a worker runs, the first of them to begin with.
const SCRIPTS: [(&str, &str); 2] =
    [("worker.py", include_str!("worker.py")), ("arcade_spaces.py", include_str!("arcade_spaces.py"))];

/// Lines of standard error that are kept.
const KEPT_LINES: usize = 20;

/// What the workers of a run are started with.
#[derive(Debug, Clone)]
pub(super) struct Start {
    /// The Gymnasium id.
    pub id: String,
    pub settings: BridgeSettings,
    /// Whether the first environment can be asked for pictures.
    pub picture: bool,
}

/// A running process. Dropping it ends it.
pub(super) struct Worker {
    env: String,
    seconds: u32,
    child: Child,
    input: ChildStdin,
    messages: Pipe,
    said: Arc<Mutex<VecDeque<String>>>,
    /// Whether its environments can be drawn, and a picture is on its way.
    draws: bool,
    asked: bool,
    drawn: Option<Drawn>,
    /// The process runs in it, since packages write files into their working directory.
    _folder: TempDir,
}

impl Worker {
    /// Starts a process for an environment for each of `seeds`. It says [`Worker::hello`] when it has made them.
    pub fn start(start: &Start, seeds: &[u32]) -> Result<Self, BridgeError> {
        let Start { id, settings, picture } = start;
        let env = name(id);
        let python = python::find(&env, settings.python.as_deref())?;
        let failed = |reason: String| BridgeError::Start {
            env: env.clone(),
            python: python.display().to_string(),
            reason,
        };
        let folder = tempfile::Builder::new().prefix("entropy-arcade-").tempdir();
        let folder = folder.map_err(|error| failed(error.to_string()))?;
        for (name, text) in SCRIPTS {
            std::fs::write(folder.path().join(name), text).map_err(|error| failed(error.to_string()))?;
        }
        let mut child = Command::new(&python)
            .arg(folder.path().join(SCRIPTS[0].0))
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let (Some(mut input), Some(output), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("it has no pipes".into()));
        };
        let said = Arc::new(Mutex::new(VecDeque::new()));
        let keep = said.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                tracing::debug!("{line}");
                let Ok(mut said) = keep.lock() else { return };
                said.extend((!line.trim().is_empty()).then_some(line));
                let more = said.len().saturating_sub(KEPT_LINES);
                said.drain(..more);
            }
        });
        let here = std::env::current_dir().unwrap_or_default();
        let hello = json!({
            "id": id, "kwargs": settings.kwargs, "seeds": seeds, "picture": picture, "folder": here,
        });
        // A process that is gone already is reported with its last words.
        _ = input.write_all(format!("{hello}\n").as_bytes());
        Ok(Self {
            env,
            seconds: settings.step_seconds,
            child,
            input,
            messages: Pipe::new(output),
            said,
            draws: *picture,
            asked: false,
            drawn: None,
            _folder: folder,
        })
    }

    /// What it says once its environments are made; `None` if that did not come in `time`.
    pub fn hello_within(&mut self, time: Duration) -> Result<Option<Hello>, BridgeError> {
        match self.wait(time)? {
            Some(Message::Hello(text)) => {
                let hello: Hello = serde_json::from_slice(&text)
                    .map_err(|error| self.garbled(format!("a first message ({error})")))?;
                self.draws &= hello.picture;
                Ok(Some(hello))
            }
            Some(_) => Err(self.garbled("a step before it said hello".into())),
            None => Ok(None),
        }
    }

    /// Asks for a step: whether each environment makes one, and their `actions` as bytes.
    pub fn send(&mut self, moves: &[u8], actions: &[u8]) {
        let command = [b"S", moves, actions].concat();
        // A process that is gone is reported when its answer is waited for.
        _ = self.input.write_all(&command);
    }

    /// Asks for a picture of the environment in `row`, unless one is on its way or it cannot be drawn.
    pub fn ask_picture(&mut self, row: u32) {
        if self.draws && !self.asked {
            self.asked = true;
            _ = self.input.write_all(&[b"P", &row.to_le_bytes()[..]].concat());
        }
    }

    /// The latest picture that has come.
    pub fn take_picture(&mut self) -> Option<Drawn> {
        self.drawn.take()
    }

    /// The outcome of a step; `None` if it did not come in `time`.
    pub fn frame_within(&mut self, time: Duration, layout: Layout) -> Result<Option<Frame>, BridgeError> {
        match self.wait(time)? {
            Some(Message::Step(content)) => {
                Frame::new(content, layout).map(Some).map_err(|problem| self.garbled(problem))
            }
            Some(_) => Err(self.garbled("something else than a step".into())),
            None => Ok(None),
        }
    }

    /// How long it is waited for.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    /// It has taken too long.
    pub fn late(&self) -> BridgeError {
        BridgeError::Late { env: self.env.clone(), seconds: self.seconds }
    }

    /// The last lines it wrote to standard error.
    pub fn last_words(&self) -> Vec<String> {
        self.said.lock().map_or_else(|_| Vec::new(), |said| said.iter().cloned().collect())
    }

    /// The next message but for pictures, which are kept.
    fn wait(&mut self, time: Duration) -> Result<Option<Message>, BridgeError> {
        loop {
            match self.next(time)? {
                Some(Message::Picture(content)) => {
                    self.asked = false;
                    self.drawn = Drawn::new(content);
                    self.draws &= self.drawn.is_some();
                }
                other => return Ok(other),
            }
        }
    }

    fn next(&mut self, time: Duration) -> Result<Option<Message>, BridgeError> {
        let env = self.env.clone();
        let mut message = self.messages.next(time);
        // A process that it has started may hold its pipe open.
        if message.is_none() && matches!(self.child.try_wait(), Ok(Some(_))) {
            message = Some(self.messages.next(Duration::ZERO).unwrap_or(Message::Closed));
        }
        match message {
            Some(Message::Error(problem)) => Err(BridgeError::Environment { env, problem }),
            Some(Message::Garbled(what)) => Err(self.garbled(what)),
            Some(Message::Closed) => Err(self.ended()),
            other => Ok(other),
        }
    }

    /// How its process has ended, and its last words.
    fn ended(&mut self) -> BridgeError {
        let mut how = "without ending".to_owned();
        // Its status and its standard error may still be on their way.
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(10));
            if let Ok(Some(status)) = self.child.try_wait() {
                how = format!("with {status}");
                break;
            }
        }
        let words = self.last_words().pop().unwrap_or_else(|| "none".into());
        BridgeError::Died { env: self.env.clone(), how, words }
    }

    fn garbled(&self, what: String) -> BridgeError {
        BridgeError::Garbled { env: self.env.clone(), what }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has nothing to save.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Says hello to `id` and leaves it again.
pub(super) fn look_at(id: &str, settings: &BridgeSettings) -> Result<Hello, BridgeError> {
    let start = Start { id: id.to_owned(), settings: settings.clone(), picture: false };
    let mut worker = Worker::start(&start, &[0])?;
    worker.hello_within(worker.patience())?.ok_or_else(|| worker.late())
}
