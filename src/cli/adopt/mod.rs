//! `export` and `import`: tables from one server to another, and from foreign systems into this one.

mod consul;
mod export;
mod form;
mod import;
mod lyft;
mod tally;

pub(super) use export::{EXPORT_HELP, Export};
pub(super) use import::{IMPORT_HELP, Import};
