use crate::decode::decode;

/// Why a request gets no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The path is no text or holds what no path holds.
    Malformed,
    /// It would leave the folder.
    Outside,
    /// Files that begin with a dot are private.
    Hidden,
}

/// A folder that is served.
#[derive(Debug, Clone)]
pub struct Root {
    folder: String,
    index: String,
}

impl Root {
    pub fn new(folder: &str) -> Self {
        Self { folder: folder.trim_end_matches('/').to_owned(), index: "index.html".to_owned() }
    }

    /// The file for the path of a request. A path that ends in a slash means the index of the folder.
    pub fn resolve(&self, request: &str) -> Result<String, Denied> {
        let path = request.split(['?', '#']).next().unwrap_or_default();
        if path.starts_with("/..") {
            return Err(Denied::Outside);
        }
        if path.contains("/.") && !path.contains("/..") {
            return Err(Denied::Hidden);
        }
        let path = decode(path).ok_or(Denied::Malformed)?;
        let mut file = path.trim_start_matches('/').replace("//", "/");
        if file.is_empty() || file.ends_with('/') {
            file.push_str(&self.index);
        }
        Ok(format!("{}/{file}", self.folder))
    }
}
