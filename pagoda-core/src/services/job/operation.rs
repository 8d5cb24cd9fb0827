//! What jobs do and how far they are, as the wire counts it. *Source: spec, job §2 and §3.*

/// What a job of this server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Operation {
    /// An entry is copied: one of these, with a [`Operation::CopyOneEntry`] for each name.
    CopyEntry = 4,
    /// An entry is copied under one name.
    CopyOneEntry = 16,
    /// What a search finds is written into a file.
    ExportSearchResult = 22,
    /// An entity is created.
    CreateEntity = 24,
    /// An entity is changed.
    EditEntity = 25,
    /// An entity is deleted.
    DeleteEntity = 26,
    /// An entry is created.
    CreateEntry = 27,
    /// An entry is changed.
    EditEntry = 28,
    /// An entry is deleted.
    DeleteEntry = 29,
    /// Roles are imported.
    ImportRole = 30,
    /// A value is written into many entries.
    BulkEditEntry = 31,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::CopyEntry,
        Self::CopyOneEntry,
        Self::ExportSearchResult,
        Self::CreateEntity,
        Self::EditEntity,
        Self::DeleteEntity,
        Self::CreateEntry,
        Self::EditEntry,
        Self::DeleteEntry,
        Self::ImportRole,
        Self::BulkEditEntry,
    ];

    /// The operation of a number, if this server has it.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| *operation as i32 == code)
    }

    /// Whether a job of it can be run again: what it was asked with says all of it. Others are done when they are made.
    pub(super) fn is_repeated(self) -> bool {
        matches!(self, Self::CopyOneEntry | Self::BulkEditEntry)
    }

    /// Its name in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::CopyEntry => "copy_entry",
            Self::CopyOneEntry => "do_copy_entry",
            Self::ExportSearchResult => "export_search_result",
            Self::CreateEntity => "create_entity",
            Self::EditEntity => "edit_entity",
            Self::DeleteEntity => "delete_entity",
            Self::CreateEntry => "create_entry",
            Self::EditEntry => "edit_entry",
            Self::DeleteEntry => "delete_entry",
            Self::ImportRole => "import_role",
            Self::BulkEditEntry => "bulk_edit_entry",
        }
    }
}

/// Numbers that lists do not show.
pub(super) const HIDDEN: [i32; 9] = [9, 13, 14, 15, 18, 19, 21, 23, 32];

/// Numbers of exports: they are listed whatever becomes of their target, and end in a file.
pub(super) const EXPORTS: [i32; 4] = [6, 8, 20, 22];

/// Numbers of deletions: they are listed although their target is deleted.
pub(super) const DELETIONS: [i32; 4] = [3, 12, 26, 29];

/// From here on numbers belong to plugins.
pub(super) const FIRST_OF_PLUGINS: i32 = 200;

/// The number of previews of imports.
pub(super) const PREVIEW: i32 = 32;

/// Numbers of jobs that can be cancelled.
pub(super) const CANCELABLE: [i32; 11] = [1, 4, 5, 6, 8, 9, 17, 20, 22, 31, PREVIEW];

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// It was asked for.
    Preparing = 1,
    /// It is done.
    Done = 2,
    /// It could not be done.
    Error = 3,
    /// It took too long.
    Timeout = 4,
    /// It is being worked on.
    Processing = 5,
    /// Somebody called it off.
    Canceled = 6,
    /// It is done as far as it could be; the text says what could not.
    Warning = 7,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Preparing,
        Self::Done,
        Self::Error,
        Self::Timeout,
        Self::Processing,
        Self::Canceled,
        Self::Warning,
    ];

    /// The status of a number.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| *status as i32 == code)
    }

    /// Whether nothing more happens.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Preparing | Self::Processing)
    }

    /// Its name in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Done => "done",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Processing => "processing",
            Self::Canceled => "canceled",
            Self::Warning => "warning",
        }
    }
}
