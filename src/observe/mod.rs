//! One [`Event`] for each thing that can be told; turned into logs and metrics here and nowhere else.

/// Something that happened. No variant carries a column's value.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A fact for the log, at information level: "listening on 0.0.0.0:6060".
    Note(&'a str),
    /// Something an operator should look at.
    Warning(&'a str),
    /// Something an operator has to mend: what is wrong, and the cure.
    Mistake(&'a str),
}

/// Tells it.
pub fn tell(event: &Event<'_>) {
    match event {
        Event::Note(text) => tracing::info!("{text}"),
        Event::Warning(text) => tracing::warn!("{text}"),
        Event::Mistake(text) => tracing::error!("{text}"),
    }
}
