//! Fuzzes `targets::site`.

#![no_main]

#[path = "../mutation.rs"]
mod mutation;

static POOL: mutation::Pool = mutation::Pool::new(&["docs", "tests/specs"]);

libfuzzer_sys::fuzz_mutator!(|input: &mut [u8], size: usize, most: usize, seed: u32| { POOL.mutate(input, size, most, seed) });

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::site(bytes));
