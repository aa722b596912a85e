//! Everything that the servers of this process have logged and counted, for tests that look for
//! what must not be there.

use std::{
    io::{self, Write},
    sync::{Mutex, Once, OnceLock, PoisonError},
};

use kernel::http::{MetricsHandle, install_metrics};

static LOG: Mutex<Vec<u8>> = Mutex::new(vec![]);
static INSTALL: Once = Once::new();
static METRICS: OnceLock<MetricsHandle> = OnceLock::new();

pub(crate) fn install() {
    INSTALL.call_once(|| {
        let format = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false);
        format
            .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
            .with_writer(|| Keep)
            .init();
        // One recorder a process; who installed another one reads that one.
        if let Ok(handle) = install_metrics() {
            let _first = METRICS.set(handle);
        }
    });
}

/// The lines so far of all servers of this process.
pub fn logged() -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

/// What `/metrics` would show of all servers of this process.
pub fn metrics() -> String {
    METRICS.get().map(MetricsHandle::render).unwrap_or_default()
}

struct Keep;

impl Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
