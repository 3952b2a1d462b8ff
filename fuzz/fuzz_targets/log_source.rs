//! Fuzzes `targets::log_source`.

#![no_main]

#[path = "../mutation.rs"]
mod mutation;

static POOL: mutation::Pool = mutation::Pool::new(&["logsources", "tests/specs/logsources"]);

libfuzzer_sys::fuzz_mutator!(|input: &mut [u8], size: usize, most: usize, seed: u32| { POOL.mutate(input, size, most, seed) });

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::log_source(bytes));
