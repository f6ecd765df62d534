//! The description of the API: OpenAPI 3.1, made from the handlers.

use soulcaster_sources::vendor::VENDORS;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{Modify, OpenApi};

use super::problem::Problem;

/// What the paths do not say.
#[derive(OpenApi)]
#[openapi(
    info(title = "Soulcaster", description = "Puts together reports about the same problem, explains why, and keeps what people correct."),
    components(schemas(Problem)),
    modifiers(&Keys),
    security(("key" = [])),
    tags(
        (name = "ingest", description = "Deliveries"),
        (name = "feedback", description = "Reports, as they are kept"),
        (name = "clusters", description = "Groups of reports about the same problem"),
        (name = "corrections", description = "What people know better; later runs obey"),
        (name = "jobs", description = "Grouping in the background"),
        (name = "fixes", description = "Plans, agents at work, proofs and pull requests"),
        (name = "models", description = "What language models write, and what they cost"),
        (name = "sources", description = "Where reports come from"),
        (name = "keys", description = "Who may do what"),
        (name = "accounts", description = "Users and projects"),
        (name = "health", description = "How the server is"),
    )
)]
pub(crate) struct Document;

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description =
            Some("A key that `soulcaster keys create` made; it stands for its project".to_owned());
        document.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(http));
    }
}

/// Gives each operation a name of its own, and lists the vendors there are.
pub(crate) fn finish(document: &mut utoipa::openapi::OpenApi) {
    let vendors = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(VENDORS)).build();
    let vendors = RefOr::T(Schema::from(vendors));
    for path in document.paths.paths.values_mut() {
        let methods = [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
        for operation in methods.into_iter().flatten() {
            let area = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
            operation.operation_id = operation.operation_id.take().map(|verb| format!("{area}_{verb}"));
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter
                    && parameter.name == "vendor"
                {
                    parameter.schema = Some(vendors.clone());
                }
            }
        }
    }
}
