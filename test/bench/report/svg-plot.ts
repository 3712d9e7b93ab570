import { cpuPerUnit, type Measurement } from '../measurement.ts';
import { formatTime } from './text-report.ts';

/** Bars of one scenario. */
interface Panel {
  readonly title: string;
  readonly bars: readonly { readonly label: string; readonly text: string; readonly value: number }[];
}

const WIDTH = 760;
const LABEL_WIDTH = 230;
const BAR_HEIGHT = 20;
const GAP = 8;
const TITLE_HEIGHT = 34;
const MARGIN = 16;
/** Room for the figure beside the longest bar. */
const FIGURE_WIDTH = 90;

const TITLES: Readonly<Record<string, string>> = {
  small: 'CPU time per object of 16 KiB',
  mixed: 'CPU time per file of a directory of all sizes',
  large: 'CPU time per GiB of objects of 256 MiB',
};

/**
 * The CPU time of all clients in the scenarios that have several, as an SVG image: the longest bar of each panel has the full
 * width.
 */
export function svgPlot(measurements: readonly Measurement[]): string {
  const panels = Object.entries(TITLES).flatMap(([scenario, title]) => panelOf(measurements, scenario, title));
  let y = MARGIN;
  const drawn: string[] = [];
  for (const panel of panels) {
    drawn.push(drawPanel(panel, y));
    y += TITLE_HEIGHT + panel.bars.length * (BAR_HEIGHT + GAP) + MARGIN;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function panelOf(measurements: readonly Measurement[], scenario: string, title: string): readonly Panel[] {
  const bars = measurements
    .filter((measurement) => measurement.scenario === scenario)
    .map((measurement) => ({
      label: measurement.client,
      value: cpuPerUnit(measurement),
      text: formatTime(cpuPerUnit(measurement)),
    }))
    .toSorted((a, b) => a.value - b.value);
  return bars.length < 2 ? [] : [{ title, bars }];
}

function drawPanel({ title, bars }: Panel, top: number): string {
  const longest = Math.max(...bars.map(({ value }) => value));
  const room = WIDTH - LABEL_WIDTH - FIGURE_WIDTH - 2 * MARGIN;
  const lines = [`<text x="${MARGIN}" y="${top + 18}" font-weight="bold" fill="#202124">${escapeXml(title)}</text>`];
  for (const [index, { label, text, value }] of bars.entries()) {
    const y = top + TITLE_HEIGHT + index * (BAR_HEIGHT + GAP);
    const width = Math.max(1, (value / longest) * room);
    const x = MARGIN + LABEL_WIDTH;
    const fill = label.startsWith('object-transfer') ? '#1a73e8' : '#bdc1c6';
    lines.push(
      `<text x="${x - 8}" y="${y + 15}" text-anchor="end" fill="#202124">${escapeXml(label)}</text>`,
      `<rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${fill}"/>`,
      `<text x="${(x + width + 6).toFixed(1)}" y="${y + 15}" fill="#202124">${escapeXml(text)}</text>`,
    );
  }
  return lines.join('\n');
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
