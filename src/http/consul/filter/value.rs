//! What an expression is held against: rows with fields, without the cost of writing them as JSON first.

/// A row, or a part of one that has fields of its own.
pub trait Record {
    /// The field of that name, in the case of the answer's JSON; [`Value::Absent`] for one that the row does not keep.
    fn field(&self, name: &str) -> Value<'_>;
}

/// A part of a row that finds values by keys nobody knows beforehand.
pub trait Keyed {
    /// The value of a key.
    fn value(&self, key: &str) -> Option<Value<'_>>;

    /// Whether there is no key.
    fn has_none(&self) -> bool;
}

/// What a field holds.
pub enum Value<'a> {
    /// Nothing kept: as the empty value of the field's kind.
    Absent,
    /// A text.
    Text(&'a str),
    /// A number.
    Number(i64),
    /// True or false.
    Flag(bool),
    /// Several texts or several records.
    List(Box<dyn Iterator<Item = Value<'a>> + 'a>),
    /// Values by key.
    Map(&'a dyn Keyed),
    /// A part with fields.
    Record(&'a dyn Record),
}

impl<'a> Value<'a> {
    /// A list of texts.
    pub fn texts<T: AsRef<str>>(texts: &'a [T]) -> Value<'a> {
        Value::List(Box::new(texts.iter().map(|text| Value::Text(text.as_ref()))))
    }

    /// A list of records.
    pub fn records<R: Record>(records: &'a [R]) -> Value<'a> {
        Value::List(Box::new(records.iter().map(|record| Value::Record(record))))
    }
}
