//! Who waits for whom: answers come before taking in, taking in before grouping.

use std::thread::JoinHandle;

/// How much a thread gives way, as `nice` counts it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Priority {
    /// Takes deliveries into the store.
    TakingIn = 5,
    /// Embeds and groups.
    Grouping = 19,
}

/// Lowers the calling thread, and with it the threads that it starts.
pub(crate) fn lower(priority: Priority) {
    // Only Linux lowers one thread; elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, priority as i32) {
        tracing::debug!(%error, "the priority of a thread cannot be lowered");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = priority;
}

/// Starts a thread of that priority.
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    priority: Priority,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        lower(priority);
        work()
    })
}
