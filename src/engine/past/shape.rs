//! The shape of a pipeline's runs: as this session knows it, else as an earlier one left it.

use std::sync::Arc;

use crate::analytics::Shape;
use crate::history::{Store, StoreError, read_shape_of};
use crate::model::PipelineKey;

use super::Vantage;

pub(super) fn of(
    store: &mut dyn Store,
    key: &PipelineKey,
    from: &Vantage,
) -> Result<Option<Arc<Shape>>, StoreError> {
    if let Some(known) = &from.shape {
        return Ok(Some(Arc::clone(known)));
    }
    let kept = read_shape_of(store, key)?;
    Ok(kept.map(|(topology, members)| {
        let members = members.iter().map(|(node, group)| (node, group.as_ref()));
        Arc::new(Shape::new(&topology, members))
    }))
}
