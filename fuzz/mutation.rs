//! How inputs of lines change: an input goes in, one comes out that differs by a line, a key, a value or a block of
//! lines from the project's own files. Bytes that change at random seldom leave YAML that says something.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// The texts whose lines are used.
pub struct Pool {
    folders: &'static [&'static str],
    texts: OnceLock<Vec<String>>,
}

/// Xorshift with 64 bits.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % end.max(1) as u64) as usize
    }
}

impl Pool {
    /// All `.yml` files in some of the project's folders.
    pub const fn new(folders: &'static [&'static str]) -> Pool {
        Pool { folders, texts: OnceLock::new() }
    }

    fn texts(&self) -> &[String] {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let read = |folder: &&str| -> Vec<String> {
            let entries = fs::read_dir(project.join(folder)).into_iter().flatten().flatten().map(|entry| entry.path());
            let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "yml" || e == "yaml")).collect();
            paths.sort();
            paths.iter().filter_map(|path| fs::read_to_string(path).ok()).filter(|text| text.len() < 5_000).collect()
        };
        self.texts.get_or_init(|| self.folders.iter().flat_map(read).collect())
    }

    /// Changes the first `size` bytes of an input; returns how many there are now.
    pub fn mutate(&self, input: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
        let mut random = Random(u64::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let Ok(text) = std::str::from_utf8(&input[..size]) else { return libfuzzer_sys::fuzzer_mutate(input, size, most) };
        if random.below(3) == 0 {
            return libfuzzer_sys::fuzzer_mutate(input, size, most);
        }
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for _ in 0..=random.below(3) {
            self.change(&mut lines, &mut random);
        }
        let changed = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        if changed.len() > most {
            return libfuzzer_sys::fuzzer_mutate(input, size, most);
        }
        input[..changed.len()].copy_from_slice(changed.as_bytes());
        changed.len()
    }

    fn change(&self, lines: &mut Vec<String>, random: &mut Random) {
        let texts = self.texts();
        let Some(text) = texts.get(random.below(texts.len())) else { return };
        let other: Vec<&str> = text.lines().collect();
        let (from, at) = (random.below(other.len()), random.below(lines.len()));
        let Some(line) = lines.get(at).cloned() else { return lines.extend(other.iter().map(|line| (*line).to_owned())) };
        let foreign = other.get(from).copied().unwrap_or_default();
        match random.below(10) {
            0 => lines.insert(random.below(lines.len()), line),
            1 => drop(lines.drain(at..(at + 1 + random.below(4)).min(lines.len()))),
            2 => lines.swap(at, at.saturating_sub(1)),
            3 => lines[at] = format!("  {line}"),
            4 => lines[at] = line.strip_prefix("  ").unwrap_or(&line).to_owned(),
            5 => lines.insert(at, foreign.to_owned()),
            6 => {
                let block = other[from..(from + 1 + random.below(8)).min(other.len())].iter().map(|line| (*line).to_owned());
                drop(lines.splice(at..at, block));
            }
            7 => {
                if let (Some((key, _)), Some((_, value))) = (line.split_once(": "), foreign.split_once(": ")) {
                    lines[at] = format!("{key}: {value}");
                }
            }
            8 => {
                if let (Some((_, value)), Some((key, _))) = (line.split_once(": "), foreign.split_once(": ")) {
                    lines[at] = format!("{key}: {value}");
                }
            }
            _ => {
                let modifiers = |line: &str| line.split_once(": ").and_then(|(key, _)| Some(key.split_once('|')?.1.to_owned()));
                if let (Some((key, value)), Some(modifiers)) = (line.split_once(": "), modifiers(foreign)) {
                    lines[at] = format!("{key}|{modifiers}: {value}");
                }
            }
        }
    }
}
