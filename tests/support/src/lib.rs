//! Stand-ins.

pub mod sql_node;
