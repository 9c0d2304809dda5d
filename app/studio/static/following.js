// @ts-check
/** Work under way: its bar, its words and its curve, from the job's own events, over broken lines and restarts. */

import { read } from "./api.js";
import { showProblem } from "./actions.js";
import { follow } from "./events.js";
import { notice, refresh } from "./studio.js";

const WAITING = 2000;

/** @typedef {{step: number, of: number, message: string, loss?: number, momentum?: number, seconds_left?: number}} Progress */

class JobFollow extends HTMLElement {
    connectedCallback() {
        this.stop = new AbortController();
        this.steps = /** @type {[number[], number[], number[]]} */ ([[], [], []]);
        this.begun = 0;
        this.bar = /** @type {HTMLProgressElement} */ (this.querySelector("progress"));
        this.said = /** @type {HTMLElement} */ (this.querySelector("[data-said]"));
        this.append(...this.furniture());
        this.place();
        this.watch();
    }

    disconnectedCallback() {
        this.stop?.abort();
    }

    furniture() {
        this.figure = document.createElement("figure");
        this.figure.hidden = true;
        this.caption = document.createElement("figcaption");
        this.caption.className = "faint";
        this.curve = document.createElement("div");
        this.curve.className = "curve";
        this.figure.append(this.curve, this.caption);
        this.problem = document.createElement("div");
        if (!this.hasAttribute("data-may-cancel")) return [this.figure, this.problem];
        const cancel = document.createElement("button");
        cancel.type = "button";
        cancel.textContent = "Cancel";
        cancel.dataset.cancel = this.dataset.job;
        return [this.figure, cancel, this.problem];
    }

    /** Say the place in the queue until a worker has it. */
    async place() {
        while (!this.stop?.signal.aborted && !this.begun) {
            try {
                const job = await read(`/jobs/${this.dataset.job}`, { signal: this.stop?.signal });
                if (job.state !== "queued") return;
                if (this.said) this.said.textContent = job.position === 1 ? "next in its queue" : `number ${job.position} in its queue`;
            } catch { /* what is away is said elsewhere, and asked for again */ }
            await new Promise((resolve) => setTimeout(resolve, WAITING));
        }
    }

    async watch() {
        let job;
        try {
            job = await follow(this.dataset.job ?? "", (progress) => this.show(progress), this.stop?.signal);
        } catch (error) {
            if (!this.stop?.signal.aborted && this.problem) showProblem(this.problem, error);
            return;
        }
        this.begun = 1;
        notice(`The job ${job.state === "succeeded" ? "is done" : `ended: ${job.state}`}.`, job.state === "failed" ? "bad" : "good");
        await refresh();
    }

    /** @param {Progress} progress */
    show(progress) {
        this.begun ||= Date.now();
        if (this.said) this.said.textContent = progress.message;
        this.fill(progress);
        if (progress.step && progress.loss !== undefined && progress.momentum !== undefined) this.plot(progress);
    }

    /** Steps are no measure of an erasure that may stop at any of them; its time is. @param {Progress} progress */
    fill(progress) {
        if (!this.bar) return;
        if (progress.seconds_left !== undefined) {
            const taken = (Date.now() - this.begun) / 1000;
            const share = taken / (taken + progress.seconds_left);
            this.bar.value = Math.max(this.bar.value, Math.min(share, 1));
        } else if (progress.step && progress.of) {
            this.bar.value = progress.step / progress.of;
        }
    }

    /** @param {Progress} progress */
    plot({ step, loss = 0, momentum = 0 }) {
        const [steps, losses, momenta] = this.steps ?? [[], [], []];
        if (steps.length && step <= steps[steps.length - 1]) for (const series of [steps, losses, momenta]) series.length = 0;
        steps.push(step);
        losses.push(loss);
        momenta.push(momentum);
        // @ts-ignore: a script of its own, which may still be under way
        if (!this.figure || !this.caption || !globalThis.uPlot) return;
        this.figure.hidden = false;
        this.caption.textContent = `Step ${step}: loss ${loss.toFixed(4)}, momentum ${momentum.toFixed(4)}. 1 is not erased, 0 unrelated; it stops where the momentum is near 0.`;
        this.chart ??= this.draw();
        this.chart.setData(this.steps);
    }

    draw() {
        const place = /** @type {HTMLElement} */ (this.curve);
        const colour = (/** @type {string} */ name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
        const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") } };
        // @ts-ignore: uPlot is a script of its own
        return new globalThis.uPlot({
            width: place.clientWidth || 320,
            height: 200,
            scales: { x: { time: false } },
            axes: [{ ...axis, label: "step", labelSize: 20, stroke: axis.stroke }, axis],
            series: [
                { label: "step" },
                { label: "loss", stroke: colour("--edge"), width: 1.5 },
                { label: "momentum", stroke: colour("--accent"), width: 2.5 },
            ],
            legend: { live: false },
        }, this.steps, place);
    }
}

customElements.define("job-follow", JobFollow);
