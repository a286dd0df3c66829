//! Certificates of a session: an authority of its own, and one certificate a role, whose name says what it may do.
//!
//! The authority's key is never written: nobody can add to the certificates of a folder, only make a new one.

use std::io::Write as _;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::NetError;

/// The authority's certificate, which everybody needs.
pub const AUTHORITY: &str = "ca.pem";

/// Whose certificate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// Listens.
    Learner,
    /// Plays, and receives policies.
    Actor,
    /// Receives policies and what is announced.
    Watcher,
    /// Plays and controls.
    Operator,
}

impl KeyRole {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Learner, Self::Actor, Self::Watcher, Self::Operator];

    /// Its name in the certificate and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Learner => "learner",
            Self::Actor => "actor",
            Self::Watcher => "watcher",
            Self::Operator => "operator",
        }
    }
}

/// Makes certificates for all roles in `folder`, which is created; the learner's is valid at `hosts`, names or addresses.
/// Returns the names of the files.
///
/// # Errors
/// [`NetError::Keys`] if there are some already, for a host that is none, and if a file cannot be written; nothing is left
/// there then.
pub fn make(folder: &Path, hosts: &[String]) -> Result<Vec<String>, NetError> {
    let at = |path: &Path, problem: String| NetError::Keys { path: path.display().to_string(), problem };
    if folder.join(AUTHORITY).exists() {
        let problem =
            "there are certificates already, which others may use; choose another folder".to_owned();
        return Err(at(folder, problem));
    }
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-._:".contains(letter);
    let wrong = |host: &&String| host.is_empty() || !host.chars().all(allowed);
    if let Some(host) = hosts.iter().find(wrong) {
        let problem =
            "not a host; give a name or an address alone, such as learner.example or 10.0.0.5".to_owned();
        return Err(NetError::Keys { path: format!("--host {}", crate::protocol::plain(host)), problem });
    }
    let files = certificates(hosts).map_err(|error| at(folder, error.to_string()))?;
    let cannot = |error: std::io::Error| format!("cannot be written ({error}); choose another folder");
    std::fs::create_dir_all(folder).map_err(|error| at(folder, cannot(error)))?;
    let mut written: Vec<String> = Vec::new();
    for (name, text) in files {
        let path = folder.join(&name);
        if let Err(error) = write(&path, &text) {
            written.iter().for_each(|name| _ = std::fs::remove_file(folder.join(name)));
            return Err(at(&path, cannot(error)));
        }
        written.push(name);
    }
    Ok(written)
}

/// The files by name; the authority's comes last, so that a folder with it has all.
fn certificates(hosts: &[String]) -> Result<Vec<(String, String)>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "entropy-arcade");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?.pem();
    let issuer = Issuer::new(params, key);
    let mut files = Vec::new();
    for role in KeyRole::ALL {
        let names = if role == KeyRole::Learner { hosts.to_vec() } else { vec![role.name().to_owned()] };
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, role.name());
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        files.push((format!("{}.pem", role.name()), params.signed_by(&key, &issuer)?.pem()));
        files.push((format!("{}.key", role.name()), key.serialize_pem()));
    }
    files.push((AUTHORITY.to_owned(), authority));
    Ok(files)
}

/// Writes a new file that nobody else may read.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_made_once_and_for_their_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("keys");
        let files = make(&folder, &["localhost".into(), "127.0.0.1".into()]).unwrap();
        assert_eq!(files.len(), 9);
        assert!(files.iter().all(|name| folder.join(name).is_file()));
        assert!(!folder.join("ca.key").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.join("actor.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let before = std::fs::read(folder.join("actor.pem")).unwrap();
        assert!(make(&folder, &["localhost".into()]).unwrap_err().to_string().contains("already"));
        assert_eq!(std::fs::read(folder.join("actor.pem")).unwrap(), before);
    }
}
