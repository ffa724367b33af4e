//! The store's form of rows, for the routes that carry rows from server to server.

use crate::http::RowForm;
use crate::store::record;

/// The form.
pub(super) const ROWS: RowForm = RowForm {
    version: record::VERSION,
    write: record::write_json,
    write_content: record::write_content,
    read: |text| record::from_json(text).map_err(|error| error.to_string()),
};
