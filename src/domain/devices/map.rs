//! Where the devices of a list are: put together by a grid, so that a map has as many points as it can show, whatever the fleet.

use crate::access::scope::{Product, Scope};
use crate::domain::devices::DeviceFilter;
use crate::domain::error::field;
use crate::domain::{Context, Result};
use crate::limits::{MAP_CELLS, MAP_ZOOM, READ_WAIT};
use crate::store::devices::map::{self, Bounds, Cell};
use crate::store::words::HealthState;

/// Cells around the equator at zoom 0; each zoom has twice as many as the one before.
const COARSEST: f64 = 32.0;

/// What of the world is wanted, and how finely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    bounds: Bounds,
    zoom: i64,
}

impl View {
    /// # Errors
    /// A validation error under `bbox` for bounds that are none, under `zoom` for one that there is not, or whose cells within the
    /// bounds would be too many.
    pub fn new(bbox: Option<&str>, zoom: i64) -> Result<Self> {
        if !MAP_ZOOM.contains(&zoom) {
            let (least, most) = (MAP_ZOOM.start(), MAP_ZOOM.end());
            let text = format!("must be a whole number from {least} to {most}");
            return Err(field("zoom", &text));
        }
        let bounds = bbox.map_or(Some(WORLD), read).ok_or_else(|| {
            let text = "must be west,south,east,north in degrees, such as -10,35,30,60, within -180,-90,180,90";
            field("bbox", text)
        })?;
        let view = Self { bounds, zoom };
        if view.cells() > MAP_CELLS as f64 {
            let text = format!(
                "has more than {MAP_CELLS} cells within these bounds; take a smaller one, or a smaller bbox"
            );
            return Err(field("zoom", &text));
        }
        Ok(view)
    }

    /// The length of a cell's side in degrees.
    fn step(self) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked: it is in MAP_ZOOM"
        )]
        let finer = 2_f64.powi(self.zoom as i32);
        360.0 / (COARSEST * finer)
    }

    /// How many cells have a part within the bounds, at most.
    fn cells(self) -> f64 {
        let along = |length: f64| (length / self.step()).ceil() + 1.0;
        let Bounds {
            west,
            south,
            east,
            north,
        } = self.bounds;
        along(east - west) * along(north - south)
    }
}

const WORLD: Bounds = Bounds {
    west: -180.0,
    south: -90.0,
    east: 180.0,
    north: 90.0,
};

fn read(bbox: &str) -> Option<Bounds> {
    let numbers: Vec<f64> = bbox
        .split(',')
        .map(|n| n.trim().parse().ok())
        .collect::<Option<_>>()?;
    let [west, south, east, north] = numbers[..] else {
        return None;
    };
    let within =
        west >= WORLD.west && south >= WORLD.south && east <= WORLD.east && north <= WORLD.north;
    // What is no number is in no order.
    (within && west < east && south < north).then_some(Bounds {
        west,
        south,
        east,
        north,
    })
}

/// Devices that are close together.
#[derive(Debug, PartialEq)]
pub struct Place {
    /// Degrees north of their middle.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    pub devices: i64,
    /// The worst of their newest health reports.
    pub worst: HealthState,
    /// The first of them by its identifier; the only one where there is one.
    pub identifier: String,
}

impl From<Cell> for Place {
    fn from(cell: Cell) -> Self {
        let worst = match cell.worst {
            3 => HealthState::Unhealthy,
            2 => HealthState::Warning,
            0 => HealthState::Healthy,
            _ => HealthState::Unknown,
        };
        Self {
            latitude: cell.latitude,
            longitude: cell.longitude,
            devices: cell.devices,
            worst,
            identifier: cell.identifier,
        }
    }
}

/// Where the devices of a list are that ever told it, within a view: [`MAP_CELLS`] places at most, most devices first.
///
/// # Errors
/// [`crate::domain::DomainError::Busy`] when too many queries that read all devices run already.
pub async fn places(
    context: &Context,
    scope: &Scope<Product>,
    filter: &DeviceFilter,
    view: View,
) -> Result<Vec<Place>> {
    let lane = &context.limiters.scan_lane;
    let _lane = lane.enter(&scope.product().org.id, READ_WAIT).await?;
    let mut r = context.db.read().await?;
    let now = context.now();
    let found = map::cells(
        &mut r,
        scope,
        filter,
        view.bounds,
        view.step(),
        MAP_CELLS,
        now,
    )
    .await?;
    Ok(found.into_iter().map(Place::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_in_their_order_or_refused() {
        let view = View::new(Some("-10, 35,30.5,60"), 3).unwrap();
        assert_eq!(
            view.bounds,
            Bounds {
                west: -10.0,
                south: 35.0,
                east: 30.5,
                north: 60.0
            }
        );
        assert_eq!(View::new(None, 0).unwrap().bounds, WORLD);
        for wrong in [
            "",
            "1,2,3",
            "1,2,3,4,5",
            "30,35,-10,60",
            "0,60,10,35",
            "0,0,0,10",
            "a,b,c,d",
            "NaN,0,10,10",
            "0,0,inf,10",
            "-181,0,10,10",
            "0,0,10,91",
        ] {
            assert!(View::new(Some(wrong), 0).is_err(), "{wrong}");
        }
    }

    #[test]
    fn there_are_never_more_cells_than_an_answer_holds() {
        assert!(View::new(None, -1).is_err() && View::new(None, MAP_ZOOM.end() + 1).is_err());
        let whole = MAP_ZOOM
            .filter(|zoom| View::new(None, *zoom).is_ok())
            .count();
        assert!((1..3).contains(&whole), "{whole}");
        let near = View::new(Some("13.3,52.4,13.5,52.6"), *MAP_ZOOM.end());
        assert!(near.is_err());
        assert!(View::new(Some("13.37,52.51,13.375,52.515"), *MAP_ZOOM.end()).is_ok());
    }
}
