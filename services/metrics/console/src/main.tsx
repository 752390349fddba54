import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/parts.css';
import './style/page.css';
import { Console } from './console.tsx';

render(<Console />, document.getElementById('console') as HTMLElement);
