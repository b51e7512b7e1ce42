//! Owns reading a file where it is: its index is built in slices, its text stays where it was written. Growth,
//! truncation and rotation are followed; files are not mapped, for a mapped file that is cut short kills its reader.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::carry;
use super::decode;
use super::gap::Reason;
use super::grow::Incoming;
use super::line::LogLine;
use super::log::Log;
use super::ready::Making;
use super::recognise::Recogniser;
use super::segment::{MAX_LINE, Place};
use super::time::Micros;
use crate::model::{SafeText, StyledText};

/// Bytes of a segment of a file: what one reading of it costs.
const SEGMENT: u64 = 1 << 20;
/// Bytes read at once.
const CHUNK: usize = 256 << 10;
/// Bytes before the place read to that must still be there, else the file is another one under the same number.
const MARK: usize = 64;

/// How far the index of a file has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// Bytes read by this step.
    pub read: u64,
    /// Bytes indexed, and bytes there are.
    pub at: u64,
    pub size: u64,
    /// There is nothing more for now.
    pub caught_up: bool,
}

#[derive(Debug)]
pub(super) struct FileSource {
    path: PathBuf,
    file: Arc<File>,
    /// Every line before this byte is in the index.
    read_to: u64,
    /// Its size when it was last looked at.
    size: u64,
    /// The line behind it, when it is longer than a chunk.
    giant: Option<Giant>,
    /// The last bytes before `read_to`.
    mark: Vec<u8>,
    buffer: Vec<u8>,
    /// While there is much to read: what is read is warm, and need not be read again for its words.
    making: Option<Box<Making>>,
}

#[derive(Debug)]
struct Giant {
    head: Vec<u8>,
    len: u64,
}

/// How a line was taken.
struct Taken {
    /// It is the first one of its segment.
    began: bool,
    /// Its text is its bytes.
    exact: bool,
}

impl FileSource {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok(Self {
            path: path.to_owned(),
            file: Arc::new(file),
            read_to: 0,
            size: 0,
            giant: None,
            mark: Vec::new(),
            buffer: Vec::new(),
            making: None,
        })
    }

    fn position(&self) -> u64 {
        self.read_to + self.giant.as_ref().map_or(0, |giant| giant.len)
    }

    /// What was read is no longer there.
    fn is_cut(&self, size: u64) -> io::Result<bool> {
        if size < self.position() {
            return Ok(true);
        }
        let mut now = vec![0; self.mark.len()];
        let at = self.read_to - self.mark.len() as u64;
        match self.file.read_exact_at(&mut now, at) {
            Ok(()) => Ok(now != self.mark),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Another file has its name now, and is written to: a name that is gone for a moment is no other file yet, and
    /// whoever has not begun the new one may still write to the old one.
    fn is_replaced(&self) -> io::Result<bool> {
        let id = |meta: &Metadata| (meta.dev(), meta.ino());
        match std::fs::metadata(&self.path) {
            Ok(meta) => Ok(meta.len() > 0 && id(&meta) != id(&self.file.metadata()?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Log {
    /// A file, read where it is. Nothing is read yet: [`Log::advance`] does.
    pub(super) fn open_file(path: &Path) -> io::Result<Self> {
        let source = FileSource::open(path)?;
        Ok(Self {
            near: modified(&source.file),
            path: Some(source.path.clone()),
            source: Some(source),
            ..Self::default()
        })
    }

    /// Reads on for about `budget` bytes, in whole lines. What was moved away is read to its end before the file
    /// that has its name now.
    pub(super) fn advance(&mut self, budget: u64) -> io::Result<Advance> {
        let Some(mut source) = self.source.take() else {
            return Ok(Advance {
                caught_up: true,
                ..Advance::default()
            });
        };
        let done = self.advance_in(&mut source, budget);
        self.source = Some(source);
        self.recount_last();
        done
    }

    /// The last lines of a file whose index has not got there yet, without numbers.
    pub fn peek_end(&self, lines: usize) -> io::Result<Vec<LogLine>> {
        const MOST: u64 = 256 << 10;
        let Some(source) = &self.source else {
            return Ok(Vec::new());
        };
        let size = source.file.metadata()?.len();
        let from = size.saturating_sub(MOST);
        let mut bytes = vec![0; (size - from) as usize];
        let read = read_at(&source.file, &mut bytes, from)?;
        let mut bytes = &bytes[..read];
        if from > 0 {
            // the rest of a line
            let at = memchr::memchr(b'\n', bytes).map_or(0, |at| at + 1);
            bytes = &bytes[at..];
        }
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let count = memchr::memchr_iter(b'\n', bytes).count() + usize::from(!bytes.is_empty());
        let mut recogniser = Recogniser::default();
        let all = decode::split(bytes, u32::try_from(count).unwrap_or(u32::MAX));
        let rows = all.map(|raw| {
            let text = StyledText::parse(raw);
            let verdict = recogniser.read(&text.text, self.near);
            LogLine::new(text, verdict)
        });
        let mut rows: Vec<LogLine> = rows.collect();
        Ok(rows.split_off(rows.len().saturating_sub(lines)))
    }

    fn advance_in(&mut self, source: &mut FileSource, budget: u64) -> io::Result<Advance> {
        let mut advance = Advance {
            size: source.file.metadata()?.len(),
            ..Advance::default()
        };
        source.size = advance.size;
        if source.is_cut(advance.size)? {
            self.restart();
            source.read_to = 0;
            source.giant = None;
            source.mark.clear();
            source.making = None;
        }
        if !self.digests() {
            source.making = None;
        } else if source.making.is_none() && advance.size - source.position() > SEGMENT {
            source.making = Some(Box::default());
        }
        while advance.read < budget {
            let before = source.position();
            let left = advance.size.saturating_sub(before);
            let open = self.read_chunk(source, left)?;
            advance.read += source.position() - before;
            if source.position() + open >= advance.size || source.position() == before {
                advance.caught_up = true;
                break;
            }
        }
        advance.at = source.position();
        if advance.caught_up {
            source.making = None;
            self.show_open_line(source);
            if source.is_replaced()? {
                self.end_file_line(source)?;
                *source = FileSource::open(&source.path)?;
                self.near = modified(&source.file);
                self.note(
                    &SafeText::new(
                        "… the file was replaced here; what follows is from the new one",
                    ),
                    SEGMENT as usize,
                );
                advance.caught_up = false;
            }
        }
        Ok(advance)
    }

    /// Reads one chunk and takes its whole lines. Returns the bytes of the open line at its end.
    fn read_chunk(&mut self, source: &mut FileSource, left: u64) -> io::Result<u64> {
        let mut buffer = std::mem::take(&mut source.buffer);
        buffer.resize(CHUNK.min(usize::try_from(left).unwrap_or(CHUNK)), 0);
        let read = read_at(&source.file, &mut buffer, source.position());
        let taken = read.map(|read| {
            let bytes = &buffer[..read];
            let whole = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
            // one look for all lines; where one of them is none, each is asked for itself
            let text = std::str::from_utf8(&bytes[..whole]).ok();
            let mut making = source.making.take();
            let (mut start, mut made) = (0, 0);
            for end in memchr::memchr_iter(b'\n', &bytes[..whole]) {
                let line = text.and_then(|text| text.get(start..end));
                let taken = self.take_line(source, &bytes[start..end], line, 1);
                if let Some(making) = &mut making
                    && (taken.began || !taken.exact)
                {
                    making.add(&bytes[made..start]);
                    made = start;
                    if taken.began {
                        self.settle(making);
                    }
                    if !taken.exact {
                        making.add(self.scratch.as_bytes());
                        made = end + 1;
                    }
                }
                start = end + 1;
            }
            if let Some(making) = &mut making {
                making.add(&bytes[made..start]);
            }
            source.making = making;
            let open = &bytes[start..];
            if start > 0 || source.giant.is_some() {
                let from = start.saturating_sub(MARK);
                source.mark.clear();
                source.mark.extend_from_slice(&bytes[from..start]);
            }
            if let Some(giant) = &mut source.giant {
                giant.grow(open);
                return 0;
            }
            if start == 0 && read == CHUNK {
                let mut giant = Giant {
                    head: Vec::new(),
                    len: 0,
                };
                giant.grow(open);
                source.giant = Some(giant);
                return 0;
            }
            open.len() as u64
        });
        source.buffer = buffer;
        taken
    }

    /// A whole line, whose beginning may have been read before, and its text where that is known; `end` is the
    /// length of its line break. Where its text is not its bytes, it is in `scratch` afterwards.
    fn take_line(
        &mut self,
        source: &mut FileSource,
        bytes: &[u8],
        text: Option<&str>,
        end: u64,
    ) -> Taken {
        let at = source.read_to;
        let giant = source.giant.take().map(|mut giant| {
            giant.grow(bytes);
            giant
        });
        let (head, len, text) = match &giant {
            None => (bytes, bytes.len() as u64, text),
            Some(giant) => (giant.head.as_slice(), giant.len, None),
        };
        source.read_to += len + end;
        let raw = head.get(..MAX_LINE).unwrap_or(head);
        let cut = len - raw.len() as u64;
        let line = Incoming {
            raw,
            text: text.filter(|_| cut == 0),
            cut,
            len: len + end,
        };
        let began = self.begin_in_place(&source.file, at, &line);
        let exact = self.push(&line);
        Taken { began, exact }
    }

    /// Begins a segment for a line where the last one has no room for it.
    fn begin_in_place(&mut self, file: &Arc<File>, at: u64, line: &Incoming<'_>) -> bool {
        let room = self.segments.back().is_some_and(|last| {
            let Place::File {
                file: its,
                at: begin,
            } = &last.place
            else {
                return false;
            };
            Arc::ptr_eq(its, file)
                && begin + last.len == at
                && last.len + line.len <= SEGMENT
                && line.cut == 0
                && !last.is_giant()
        });
        if !room {
            let file = Arc::clone(file);
            self.begin_segment(Place::File { file, at });
        }
        !room
    }

    fn show_open_line(&mut self, source: &FileSource) {
        let mut bytes = Vec::new();
        let text = match &source.giant {
            Some(giant) => Some(carry::preview(&giant.head)),
            None => {
                let size = source.file.metadata().map_or(source.read_to, |m| m.len());
                let open = size.saturating_sub(source.read_to).min(MAX_LINE as u64);
                bytes.resize(open as usize, 0);
                match read_at(&source.file, &mut bytes, source.read_to) {
                    // what ended since will be read as a line
                    Ok(read) if read > 0 && !bytes[..read].contains(&b'\n') => {
                        Some(carry::preview(&bytes[..read]))
                    }
                    _ => None,
                }
            }
        };
        self.show_open(text);
    }

    /// Takes the line at the end of the file that has no line break.
    fn end_file_line(&mut self, source: &mut FileSource) -> io::Result<()> {
        self.tail = None;
        let open = source.size.saturating_sub(source.position());
        let mut bytes = vec![0; usize::try_from(open).unwrap_or(0)];
        let read = read_at(&source.file, &mut bytes, source.position())?;
        if bytes[..read].iter().any(|b| *b != b'\r') || source.giant.is_some() {
            self.take_line(source, &bytes[..read], None, 0);
        }
        Ok(())
    }

    /// The file is not followed any more; its last line needs no line break.
    pub(super) fn finish_file(&mut self) {
        let Some(mut source) = self.source.take() else {
            return;
        };
        let ended = loop {
            match self.advance_in(&mut source, u64::MAX) {
                Ok(advance) if !advance.caught_up => {}
                Ok(_) => break self.end_file_line(&mut source),
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = ended {
            let text = format!("… the rest can't be read: {error}");
            self.note(&SafeText::new(text), SEGMENT as usize);
        }
        self.recount_last();
    }

    /// What was read so far is not there any more.
    fn restart(&mut self) {
        self.interrupt();
        while self.drop_oldest(Reason::Truncated) {}
        self.memory.forget();
        self.tail = None;
        self.time = None;
    }
}

impl Giant {
    fn grow(&mut self, bytes: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.len += bytes.len() as u64;
    }
}

fn modified(file: &File) -> Option<Micros> {
    let modified = file.metadata().ok()?.modified().ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok()
}

/// As much as there is, up to the length of the buffer.
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], at + read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
