//! People: they release, approve, pause, change their minds, and move devices about.

use super::events::Event;
use super::{Outcome, World, setup};
use crate::clock::Micros;
use crate::domain::devices::{self as domain_devices, transfer};
use crate::ids::{Blob, FirmwareId};
use crate::rollout::rollback;
use crate::rollout::rollout_state::Rollout;
use crate::rollout::workflow::StepKind;
use crate::store::catalog::files;
use crate::store::deployments::{deployment_groups, releases, rollouts};
use crate::store::devices;
use crate::store::words::RolloutState;

impl World {
    /// A person releases the next firmware, or one of before.
    pub(super) async fn release(&mut self) -> Outcome<()> {
        let now = self.db.now();
        let mut w = self.db.write().await?;
        let Some(group) = deployment_groups::row(&mut w, self.scenery.group).await? else {
            return Ok(());
        };
        let firmware = self.scenery.firmwares[1 + self.chance.index(2)];
        setup::release(&mut w, &group, firmware, &mut self.chance, now).await?;
        w.commit().await?;
        self.wake();
        Ok(())
    }

    fn wake(&mut self) {
        if let Some(node) = self.any_node() {
            self.events.add(self.db.now(), Event::Run(node));
        }
    }

    /// A person does something, now and then, as long as people are about.
    pub(super) async fn person(&mut self) -> Outcome<()> {
        let now = self.db.now();
        let next = now.after(self.chance.seconds(20..240));
        self.events.add(next, Event::Person);
        match self.chance.number(0..100) {
            0..35 => self.approve().await,
            35..45 => self.pause_or_resume().await,
            45..55 => self.tag().await,
            55..63 => self.switch_updates().await,
            63..70 => self.release().await,
            70..76 => self.retry_failed().await,
            76..80 => self.take_back().await,
            80..85 => self.move_device().await,
            85..88 => self.delete_or_restore().await,
            88..91 => self.change_product().await,
            91..93 => self.damage().await,
            _ => self.switch_group().await,
        }
    }

    async fn approve(&mut self) -> Outcome<()> {
        let now = self.db.now();
        let person = self.scenery.people[self.chance.index(2)];
        let mut w = self.db.write().await?;
        if let Some(release) = releases::current(&mut w, self.scenery.group).await? {
            let rollout = Rollout::read(&mut w, &release).await?;
            if matches!(rollout.step().kind, StepKind::Approval(_)) {
                let step = rollout.number();
                rollouts::approve(&mut w, release.id, step, person, None, now).await?;
            }
        }
        w.commit().await?;
        self.wake();
        Ok(())
    }

    async fn pause_or_resume(&mut self) -> Outcome<()> {
        let now = self.db.now();
        let mut w = self.db.write().await?;
        if let Some(release) = releases::current(&mut w, self.scenery.group).await? {
            let state = Rollout::read(&mut w, &release).await?.state();
            let to = match state {
                RolloutState::Running => RolloutState::Paused,
                RolloutState::Paused | RolloutState::Stopped => RolloutState::Running,
                RolloutState::Aborted => RolloutState::Aborted,
            };
            rollouts::set_state(&mut w, release.id, to, Some("a person"), now).await?;
        }
        w.commit().await?;
        self.wake();
        Ok(())
    }

    async fn tag(&mut self) -> Outcome<()> {
        let device = self.chance.index(self.devices.len());
        let d = &mut self.devices[device];
        d.canary = !d.canary;
        let tags = if d.canary {
            vec!["canary".to_owned()]
        } else {
            Vec::new()
        };
        let mut w = self.db.write().await?;
        devices::set_tags(&mut w, d.id, Some(&tags)).await?;
        Ok(w.commit().await?)
    }

    async fn switch_updates(&mut self) -> Outcome<()> {
        let now = self.db.now();
        let device = self.devices[self.chance.index(self.devices.len())].id;
        let on = self.chance.percent(70);
        let mut w = self.db.write().await?;
        devices::set_updates_enabled(&mut w, device, on, now).await?;
        Ok(w.commit().await?)
    }

    async fn retry_failed(&mut self) -> Outcome<()> {
        let now = self.db.now();
        let mut w = self.db.write().await?;
        if let Some(release) = releases::current(&mut w, self.scenery.group).await? {
            rollouts::retry_failed(&mut w, release.id).await?;
            rollouts::count_failures_anew(&mut w, release.id, now).await?;
        }
        w.commit().await?;
        self.wake();
        Ok(())
    }

    async fn take_back(&mut self) -> Outcome<()> {
        let now = self.db.now();
        let mut w = self.db.write().await?;
        let group = deployment_groups::row(&mut w, self.scenery.group).await?;
        let release = releases::current(&mut w, self.scenery.group).await?;
        if let Some((group, release)) = group.zip(release)
            && rollback::take_back(&mut w, &group, &release, None, now)
                .await?
                .is_ok()
        {
            let to = RolloutState::Aborted;
            rollouts::set_state(&mut w, release.id, to, Some("a person"), now).await?;
        }
        w.commit().await?;
        self.wake();
        Ok(())
    }

    /// A device leaves the group, or comes back into it, also in the middle of an update.
    async fn move_device(&mut self) -> Outcome<()> {
        let now = self.db.now();
        let device = self.devices[self.chance.index(self.devices.len())].id;
        let to = self.chance.percent(60).then_some(self.scenery.group);
        let mut w = self.db.write().await?;
        let row = devices::row(&mut w, device).await?;
        if row.is_some_and(|d| d.product_id == self.scenery.product) {
            devices::set_group(&mut w, device, to, now).await?;
        }
        Ok(w.commit().await?)
    }

    /// A device is deleted, or restored. Its connection is cut, unless the signal for that is lost.
    async fn delete_or_restore(&mut self) -> Outcome<()> {
        let now = self.db.now();
        let device = self.chance.index(self.devices.len());
        let id = self.devices[device].id;
        let mut w = self.db.write().await?;
        let Some(row) = devices::row(&mut w, id).await? else {
            return Ok(());
        };
        if row.deleted_at.is_some() {
            devices::set_deleted(&mut w, id, None, now).await?;
        } else {
            domain_devices::mark_deleted(&mut w, id, now).await?;
        }
        w.commit().await?;
        self.wake();
        self.cut(device).await
    }

    /// A device moves to the other product, or back.
    async fn change_product(&mut self) -> Outcome<()> {
        let now = self.db.now();
        let device = self.chance.index(self.devices.len());
        let id = self.devices[device].id;
        let (home, elsewhere) = (self.scenery.product, self.scenery.elsewhere);
        let mut w = self.db.write().await?;
        let Some(row) = devices::row(&mut w, id).await? else {
            return Ok(());
        };
        if row.deleted_at.is_some() {
            return Ok(());
        }
        let to = if row.product_id == home {
            elsewhere
        } else {
            home
        };
        transfer::relocate(&mut w, id, (self.scenery.org, to), now).await?;
        w.commit().await?;
        self.wake();
        self.cut(device).await
    }

    async fn cut(&mut self, device: usize) -> Outcome<()> {
        if self.chance.percent(self.settings.loses) {
            return Ok(());
        }
        self.drops(device, 60).await
    }

    /// The file of a firmware is found damaged, or put back.
    async fn damage(&mut self) -> Outcome<()> {
        let firmware = self.scenery.firmwares[1 + self.chance.index(2)];
        let damaged = self.chance.percent(40).then_some(self.db.now());
        self.mark(firmware, damaged).await
    }

    async fn mark(&mut self, firmware: FirmwareId, damaged: Option<Micros>) -> Outcome<()> {
        let mut w = self.db.write().await?;
        files::mark(&mut w, Blob::Firmware(firmware), damaged).await?;
        w.commit().await?;
        self.wake();
        Ok(())
    }

    async fn switch_group(&mut self) -> Outcome<()> {
        let on = self.chance.percent(80);
        self.set_active(on).await
    }

    async fn set_active(&mut self, on: bool) -> Outcome<()> {
        let now = self.db.now();
        let mut w = self.db.write().await?;
        if let Some(mut group) = deployment_groups::row(&mut w, self.scenery.group).await? {
            group.is_active = on;
            deployment_groups::save(&mut w, &group, now).await?;
        }
        w.commit().await?;
        self.wake();
        Ok(())
    }

    /// From here on everything works: nothing fails, nothing is lost, and people leave.
    pub(super) async fn calm_down(&mut self) -> Outcome<()> {
        let s = &mut self.settings;
        (s.fails, s.reverts, s.vanishes, s.loses, s.kills) = (0, 0, 0, 0, 0);
        self.events.forget_people();
        for firmware in self.scenery.firmwares.clone() {
            self.mark(firmware, None).await?;
        }
        self.set_active(true).await?;
        for node in 0..self.nodes.len() {
            if !self.nodes[node].alive {
                self.restart(node).await?;
            }
        }
        if self.chance.percent(70) {
            for person in self.scenery.people.clone() {
                let now = self.db.now();
                let mut w = self.db.write().await?;
                if let Some(release) = releases::current(&mut w, self.scenery.group).await? {
                    for step in 0..4 {
                        rollouts::approve(&mut w, release.id, step, person, None, now).await?;
                    }
                    let state = Rollout::read(&mut w, &release).await?.state();
                    if state == RolloutState::Paused {
                        let to = RolloutState::Running;
                        rollouts::set_state(&mut w, release.id, to, None, now).await?;
                    }
                }
                w.commit().await?;
            }
        }
        Ok(())
    }
}
