// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes files whole or not at all.

use kho_abi_read::checkout::{at, CheckoutError};
use std::io::Write as _;
use std::path::Path;
use std::{fs, io};

/// Writes a file whole, and only if its bytes differ; returns whether it was written.
///
/// The text goes to a new file in the same directory, which is then renamed: a reader sees the old
/// file or the new one, and a failure leaves no temporary file.
///
/// # Errors
///
/// [`CheckoutError::Io`] with the file or directory that cannot be written.
pub fn write_file(path: &Path, text: &str) -> Result<bool, CheckoutError> {
    match fs::read(path) {
        Ok(old) if old == text.as_bytes() => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(at(path)(error)),
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(at(dir))?;
    // The mode of any new file here, from which the umask removes its part.
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.prefix(".kho-abi-").tempfile_in(dir).map_err(at(dir))?;
    file.write_all(text.as_bytes()).map_err(at(path))?;
    file.as_file().sync_all().map_err(at(path))?;
    file.persist(path).map_err(|error| at(path)(error.error))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_only_when_it_differs_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/x.h");
        assert!(write_file(&path, "one\n").unwrap());
        assert!(!write_file(&path, "one\n").unwrap());
        assert!(write_file(&path, "two\n").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        // A directory in place of the file.
        let error = write_file(&path.join("y.h"), "").unwrap_err();
        assert!(error.to_string().contains("x.h"), "{error}");
    }
}
