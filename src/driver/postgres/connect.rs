//! How the database is reached: the URI's parameters, and TLS as libpq's `sslmode` has it (rule-language, *TLS*).

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode as WireMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::settings::{self, SslMode};
use crate::vocabulary::limits::{
    DATABASE_CONNECT_TIMEOUT, DATABASE_KEEPALIVE_IDLE, DATABASE_KEEPALIVE_INTERVAL,
    DATABASE_KEEPALIVE_RETRIES, DATABASE_SILENCE_TIMEOUT,
};

/// Parameters that tokio-postgres reads itself.
const KNOWN: [&str; 17] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

/// Why the settings do not say how to reach a database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

pub(super) struct Connector {
    pub config: tokio_postgres::Config,
    pub tls: MakeRustlsConnect,
    pub notes: Vec<String>,
}

/// Where a database is, without its password: for the log.
pub fn describe(uri: &str) -> String {
    let Ok(config) = tokio_postgres::Config::from_str(uri.split('?').next().unwrap_or(uri)) else {
        return "a database".to_owned();
    };
    let host = config
        .get_hosts()
        .first()
        .map_or_else(|| "localhost".to_owned(), host_text);
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!(
        "{} at {host}:{port}",
        config.get_dbname().unwrap_or("the default database")
    )
}

fn host_text(host: &tokio_postgres::config::Host) -> String {
    match host {
        tokio_postgres::config::Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
    }
}

impl Connector {
    pub(super) fn of(database: &settings::Database) -> Result<Self, ConfigError> {
        let uri = database.uri.as_ref().ok_or_else(|| {
            ConfigError::new("no database is named: set `database.uri`, DATABASE_URL or --database")
        })?;
        let parts = split(uri.reveal());
        let mut config = tokio_postgres::Config::from_str(&parts.uri)
            .map_err(|error| ConfigError::new(format!("`database.uri` cannot be read: {error}")))?;
        let written = match parts.sslmode {
            Some(text) => Some(
                SslMode::parse(&text)
                    .ok_or_else(|| ConfigError::new(format!("`{text}` is no sslmode")))?,
            ),
            None => None,
        };
        let mode = database.sslmode.or(written).unwrap_or(SslMode::Prefer);
        let authorities = database
            .cacert
            .clone()
            .or_else(|| parts.root.map(Into::into));
        config.ssl_mode(match mode {
            SslMode::Disable => WireMode::Disable,
            SslMode::Prefer => WireMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => WireMode::Require,
        });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(DATABASE_CONNECT_TIMEOUT);
        }
        notice_silence(&mut config, &parts.uri);
        if config.get_application_name().is_none() {
            config.application_name("rulegate");
        }
        Ok(Self {
            config,
            tls: MakeRustlsConnect::new(tls(mode, authorities.as_deref())?),
            notes: parts.notes,
        })
    }
}

/// Has a connection end whose other side is gone without a word, within a minute where systems by themselves take hours. What the URI says about it wins.
fn notice_silence(config: &mut tokio_postgres::Config, uri: &str) {
    if !uri.contains("keepalives") {
        config
            .keepalives_idle(DATABASE_KEEPALIVE_IDLE)
            .keepalives_interval(DATABASE_KEEPALIVE_INTERVAL)
            .keepalives_retries(DATABASE_KEEPALIVE_RETRIES);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(DATABASE_SILENCE_TIMEOUT);
    }
}

struct Parts {
    uri: String,
    sslmode: Option<String>,
    root: Option<String>,
    notes: Vec<String>,
}

/// Takes the parameters out of a URI that the driver does not read itself.
fn split(uri: &str) -> Parts {
    let (base, query) = uri.split_once('?').unwrap_or((uri, ""));
    let mut parts = Parts {
        uri: base.to_owned(),
        sslmode: None,
        root: None,
        notes: Vec::new(),
    };
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("sslmode", mode) => parts.sslmode = Some(mode.to_owned()),
            ("sslrootcert", path) => parts.root = Some(path.replace("%2F", "/")),
            (name, _) if KNOWN.contains(&name) => kept.push(pair),
            (name, _) => parts.notes.push(format!(
                "`{name}` in the database's URI is for other drivers and is ignored"
            )),
        }
    }
    if !kept.is_empty() {
        parts.uri = format!("{base}?{}", kept.join("&"));
    }
    parts
}

fn tls(mode: SslMode, authorities: Option<&Path>) -> Result<rustls::ClientConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::new(error.to_string()))?;
    let verifies = match mode {
        SslMode::Disable => false,
        SslMode::Prefer | SslMode::Require => authorities.is_some(),
        SslMode::VerifyCa | SslMode::VerifyFull => true,
    };
    let verifier = if verifies {
        let inner = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots(authorities)?),
            provider.clone(),
        )
        .build()
        .map_err(|error| {
            ConfigError::new(format!(
                "the certificate authorities cannot be used: {error}"
            ))
        })?;
        Some(inner)
    } else {
        None
    };
    let verifier = Verifier {
        inner: verifier,
        checks_name: mode == SslMode::VerifyFull,
        schemes: provider
            .signature_verification_algorithms
            .supported_schemes(),
    };
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn roots(authorities: Option<&Path>) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = authorities {
        let unreadable = |error: &dyn std::fmt::Display| {
            ConfigError::new(format!("`cacert` {}: {error}", path.display()))
        };
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    Ok(roots)
}

/// libpq's ladder: no check at all, a known authority, a known authority and this host's name.
#[derive(Debug)]
struct Verifier {
    inner: Option<Arc<WebPkiServerVerifier>>,
    checks_name: bool,
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else {
            return Ok(ServerCertVerified::assertion());
        };
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match &self.inner {
            Some(inner) => inner.verify_tls12_signature(message, certificate, signature),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match &self.inner {
            Some(inner) => inner.verify_tls13_signature(message, certificate, signature),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_other_drivers_are_taken_out_and_noted() {
        let parts = split(
            "postgres://u:p@h/db?pgbouncer=true&sslmode=verify-full&connect_timeout=3&connection_limit=1",
        );
        assert_eq!(parts.uri, "postgres://u:p@h/db?connect_timeout=3");
        assert_eq!(parts.sslmode.as_deref(), Some("verify-full"));
        assert_eq!(parts.notes.len(), 2);
    }

    #[test]
    fn silence_ends_a_connection_unless_the_uri_says_how() {
        let rows = [
            ("postgres://h/db", 30, 20),
            (
                "postgres://h/db?keepalives_idle=300&tcp_user_timeout=60",
                300,
                60,
            ),
        ];
        for (uri, idle, silence) in rows {
            let database = settings::Database {
                uri: Some(settings::Secret::new(uri.to_owned())),
                pool: 1,
                role: None,
                sslmode: None,
                cacert: None,
                on_schema_drift: settings::OnSchemaDrift::default(),
                raised_messages: false,
            };
            let config = Connector::of(&database).map(|made| made.config).unwrap();
            let seconds = config.get_tcp_user_timeout().unwrap().as_secs();
            assert_eq!(
                (config.get_keepalives_idle().as_secs(), seconds),
                (idle, silence)
            );
        }
    }

    #[test]
    fn a_description_holds_no_password() {
        let text = describe("postgres://ann:secret@db.example.com:6432/app?sslmode=require");
        assert_eq!(text, "app at db.example.com:6432");
    }
}
