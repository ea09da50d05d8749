//! The body of a request: read within its limits, and unpacked.

use std::io::Read as _;

use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::{Body as _, Incoming};
use hyper::header::EXPECT;
use tokio::time::{Instant, timeout, timeout_at};

use crate::response::Failure;
use crate::serve::seats::Seat;
use crate::vocabulary::limits::{DRAIN_BYTES_MAX, DRAIN_TIMEOUT, GZIP_FREE_BYTES, GZIP_RATIO_MAX};

/// Bytes read at a time while unpacking.
const CHUNK: usize = 64 * 1024;

/// A request's body, as far as it was read.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    /// The client sends nothing before it is told to, which reading does.
    waits: bool,
}

impl Body {
    /// A body of which nothing was read.
    pub fn new(incoming: Incoming, headers: &HeaderMap) -> Self {
        Self {
            incoming,
            waits: headers.contains_key(EXPECT),
        }
    }

    /// Reads at most `bytes_max` bytes until `deadline`; the seat holds what was read.
    pub async fn read(
        &mut self,
        seat: &mut Seat,
        bytes_max: usize,
        deadline: Instant,
    ) -> Result<Bytes, Failure> {
        self.waits = false;
        // What was announced has its room already, and a buffer that grows would be copied.
        let announced = usize::try_from(self.incoming.size_hint().lower()).unwrap_or(bytes_max);
        let mut read = BytesMut::with_capacity(announced.min(bytes_max));
        while let Some(frame) = timeout_at(deadline, self.incoming.frame())
            .await
            .map_err(|_| Failure::BodyTooSlow)?
        {
            let frame = frame.map_err(|error| Failure::BodyCut(error.to_string()))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if read.len() + data.len() > bytes_max {
                return Err(Failure::BodyTooLong { bytes_max });
            }
            seat.hold(read.len() + data.len())?;
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    }

    /// Whether the client still has something to send.
    pub fn is_unread(&self) -> bool {
        !self.incoming.is_end_stream()
    }

    /// Reads a bounded amount of what is left and throws it away. A socket closed over unread bytes is reset, and the answer is lost with it.
    pub async fn drain(mut self) {
        if self.waits {
            return;
        }
        let reading = async {
            let mut drained = 0;
            while let Some(Ok(frame)) = self.incoming.frame().await {
                drained += frame.data_ref().map_or(0, Bytes::len);
                if drained > DRAIN_BYTES_MAX {
                    return;
                }
            }
        };
        let _ = timeout(DRAIN_TIMEOUT, reading).await;
    }
}

/// Unpacks a gzip body within the same cap and a ratio; the seat holds both.
pub fn unpack(packed: &Bytes, seat: &mut Seat, bytes_max: usize) -> Result<Bytes, Failure> {
    let ratio_max = packed
        .len()
        .saturating_mul(GZIP_RATIO_MAX)
        .max(GZIP_FREE_BYTES);
    let mut decoder = MultiGzDecoder::new(packed.as_ref());
    let mut unpacked = Vec::new();
    loop {
        let before = unpacked.len();
        let chunk = u64::try_from(CHUNK).unwrap_or(u64::MAX);
        decoder
            .by_ref()
            .take(chunk)
            .read_to_end(&mut unpacked)
            .map_err(|_| Failure::BadGzip)?;
        if unpacked.len() > bytes_max {
            return Err(Failure::BodyTooLong { bytes_max });
        }
        if unpacked.len() > ratio_max {
            return Err(Failure::BadGzip);
        }
        seat.hold(packed.len() + unpacked.len())?;
        if unpacked.len() == before {
            return Ok(unpacked.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;
    use crate::response::Crowd;
    use crate::serve::seats::Seats;
    use crate::vocabulary::limits::Limits;

    fn packed(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    fn seat(in_flight_bytes_max: usize) -> Seat {
        let limits = Limits {
            in_flight_bytes_max,
            ..Limits::default()
        };
        Arc::new(Seats::new(&limits, 1)).take(0).unwrap()
    }

    #[test]
    fn what_expands_beyond_measure_is_refused() {
        let zeros = packed(&vec![0; 4 * 1024 * 1024]);
        let rows = [
            (&zeros, 8 << 20, 256 << 20, Failure::BadGzip),
            (
                &zeros,
                1 << 16,
                256 << 20,
                Failure::BodyTooLong { bytes_max: 1 << 16 },
            ),
            (&zeros, 8 << 20, 1 << 16, Failure::Crowded(Crowd::Bytes)),
            (
                &Bytes::from_static(b"no gzip"),
                8 << 20,
                256 << 20,
                Failure::BadGzip,
            ),
            (
                &zeros.slice(..zeros.len() / 2),
                1 << 30,
                256 << 20,
                Failure::BadGzip,
            ),
        ];
        for (body, bytes_max, in_flight, wanted) in rows {
            let refused = unpack(body, &mut seat(in_flight), bytes_max).unwrap_err();
            assert_eq!(refused, wanted);
        }
    }

    proptest! {
        #[test]
        fn unpacking_undoes_packing(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
            let unpacked = unpack(&packed(&bytes), &mut seat(1 << 20), 1 << 20).unwrap();
            prop_assert_eq!(unpacked.as_ref(), bytes.as_slice());
        }

        #[test]
        fn no_bytes_make_unpacking_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = unpack(&bytes.into(), &mut seat(1 << 20), 1 << 20);
        }
    }
}
