//! Deployment groups: releases in steps, and what people do to them.

mod steps;
