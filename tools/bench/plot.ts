import { scaleBand, scaleLinear, scaleLog } from 'd3-scale';

import { placeText } from './report.js';
import type { MeasureResult, Place } from './results.js';

/** A picture of one measure, or of those of one name that differ in their place. */
export interface Plot {
  readonly title: string;
  readonly svg: string;
}

const width = 640;
/** Colours that people who see fewer of them can tell apart, on light and on dark. */
const colours = ['#4477aa', '#ee6677', '#228833', '#ccbb44', '#66ccee', '#aa3377', '#999999', '#dd8844'];
/** Where the places on an axis differ by more than this factor, it is logarithmic. */
const wide = 16;

/**
 * Bars for a measure that stands alone. For those that have places, lines along the first part of the place, one for each
 * peer and value of its second part, and a plot for each value of the others. What is nothing but zeros has no plot.
 */
export function plots(measures: readonly MeasureResult[]): Plot[] {
  const groups = grouped(measures, ({ name, at = {} }) => JSON.stringify([name, Object.entries(at).slice(2)]));
  const shown = groups.filter((group) => group.some(({ spread }) => Object.values(spread).flat().some(Boolean)));
  return shown.flatMap((group) => (group[0].at ? [linePlot(group)] : group.map(barPlot)));
}

function grouped<T>(all: readonly T[], keyOf: (one: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

/** About as wide as a letter. */
const letter = 6;
const barHeight = 22;

/** A bar as long as the median for each peer, with the spread as a line across its end. */
function barPlot({ name, unit, median, spread }: MeasureResult): Plot {
  const peers = Object.keys(median);
  const barLeft = 20 + letter * Math.max(20, ...peers.map(({ length }) => length));
  const bottom = peers.length * barHeight;
  const most = Math.max(...Object.values(spread).flat(), 0);
  const least = Math.min(...Object.values(spread).flat(), 0);
  const x = scaleLinear()
    .domain([least, most || 1])
    .range([barLeft, width - 70])
    .nice();
  const y = scaleBand().domain(peers).range([0, bottom]).padding(0.25);
  const ticks = x
    .ticks(6)
    .map((tick) => line(x(tick), 0, x(tick), bottom) + text(x(tick), bottom + 14, 'middle', tick));
  const bars = peers.map((peer, index) => {
    const [top, height] = [y(peer)!, y.bandwidth()];
    const [from, to] = [x(0), x(median[peer])].sort((a, b) => a - b);
    const [low, high] = spread[peer].map((value) => x(value));
    const middle = top + height / 2;
    return [
      text(barLeft - 6, middle + 4, 'end', peer),
      `<rect x="${pixel(from)}" y="${pixel(top)}" width="${pixel(to - from)}" height="${pixel(height)}" fill="${colour(index)}"/>`,
      line(low, middle, high, middle, 'spread'),
      text(Math.max(high, to) + 5, middle + 4, 'start', median[peer]),
    ].join('');
  });
  return { title: `${name}, ${unit}`, svg: picture(bottom + 20, [...ticks, ...bars]) };
}

const lineLeft = 60;
const lineBottom = 240;

interface Dot {
  readonly at: number;
  readonly median: number;
  readonly spread: readonly [number, number];
}

/** Lines through the medians, with the spread as a line across each. */
function linePlot(group: readonly MeasureResult[]): Plot {
  const [{ name, unit, at: place = {} }] = group;
  const [axis, ...others] = Object.keys(place);
  const lines = dotsByLine(group, axis);
  const dots = [...lines.values()].flat();
  const places = dots.map(({ at }) => at);
  const [nearest, farthest] = [Math.min(...places), Math.max(...places)];
  const scale = nearest > 0 && farthest / nearest > wide ? scaleLog().base(2) : scaleLinear();
  const x = scale.domain([nearest, farthest]).range([lineLeft + 10, width - 20]);
  const y = scaleLinear()
    .domain([0, Math.max(...dots.flatMap(({ spread }) => spread)) || 1])
    .range([lineBottom, 10])
    .nice();
  const drawn = [
    ...y
      .ticks(6)
      .map((tick) => line(lineLeft, y(tick), width - 10, y(tick)) + text(lineLeft - 6, y(tick) + 4, 'end', tick)),
    ...[...new Set(places)].map((at) => text(x(at), lineBottom + 16, 'middle', at)),
    text(width / 2, lineBottom + 34, 'middle', axis),
  ];
  [...lines].forEach(([label, points], index) => {
    const path = points.map(({ at, median }) => `${pixel(x(at))},${pixel(y(median))}`).join(' ');
    drawn.push(`<polyline points="${path}" stroke="${colour(index)}" class="line"/>`);
    for (const { at, median, spread } of points) {
      drawn.push(line(x(at), y(spread[0]), x(at), y(spread[1]), 'spread'));
      drawn.push(`<circle cx="${pixel(x(at))}" cy="${pixel(y(median))}" r="3" fill="${colour(index)}"/>`);
    }
    const row = lineBottom + 54 + index * 16;
    drawn.push(`<rect x="${lineLeft}" y="${row - 9}" width="10" height="10" fill="${colour(index)}"/>`);
    drawn.push(text(lineLeft + 16, row, 'start', label));
  });
  const fixed = Object.fromEntries(others.slice(1).map((key) => [key, place[key]]));
  return { title: `${name}${placeText(fixed)}, ${unit}`, svg: picture(lineBottom + 54 + lines.size * 16, drawn) };
}

/** By the line's name: the peer, and the second part of the place. */
function dotsByLine(group: readonly MeasureResult[], axis: string): Map<string, Dot[]> {
  const lines = new Map<string, Dot[]>();
  for (const { at = {}, median, spread } of group) {
    const second: Place = Object.fromEntries(Object.entries(at).slice(1, 2));
    for (const peer of Object.keys(median)) {
      const label = `${peer}${placeText(second)}`;
      const dots = [...(lines.get(label) ?? []), { at: at[axis], median: median[peer], spread: spread[peer] }];
      lines.set(label, dots);
    }
  }
  for (const dots of lines.values()) dots.sort((a, b) => a.at - b.at);
  return lines;
}

function picture(height: number, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" xmlns="http://www.w3.org/2000/svg" role="img">${parts.join('')}</svg>`;
}

function line(x1: number, y1: number, x2: number, y2: number, kind = 'grid'): string {
  return `<line x1="${pixel(x1)}" y1="${pixel(y1)}" x2="${pixel(x2)}" y2="${pixel(y2)}" class="${kind}"/>`;
}

function text(x: number, y: number, anchor: 'start' | 'middle' | 'end', what: string | number): string {
  return `<text x="${pixel(x)}" y="${pixel(y)}" text-anchor="${anchor}">${escapeMarkup(String(what))}</text>`;
}

function colour(index: number): string {
  return colours[index % colours.length];
}

function pixel(value: number): number {
  return Math.round(value * 10) / 10;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character]);
}
